//! A kubeconfig file that leads to the double.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::state::World;

/// The text of the file; its one context is called "test".
pub(super) fn text(world: &World) -> String {
    let namespace = world.options.namespaces.first().map_or("default", String::as_str);
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         current-context: test\n\
         clusters:\n\
         - name: test\n  \
           cluster:\n    \
             server: {}\n    \
             certificate-authority-data: {}\n\
         users:\n\
         - name: test\n  \
           user:\n    \
             token: {}\n\
         contexts:\n\
         - name: test\n  \
           context:\n    \
             cluster: test\n    \
             user: test\n    \
             namespace: {namespace}\n",
        world.cluster_url(),
        STANDARD.encode(&world.tls.authority),
        world.token,
    )
}
