//! What the containers have on this machine's disk.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::plan::ContainerPlan;
use super::run::Group;
use crate::container::{ContainerSpec, Mount};
use crate::host::log_file;

impl Group {
    /// Makes what is there before any container is.
    pub(super) fn prepare(&self) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        fs::write(self.directory.join("hosts"), &self.shared.hosts)?;
        for mount in self.plans.iter().flat_map(|plan| &plan.mounts) {
            let volume = self.volume(&mount.volume);
            fs::create_dir_all(&volume)?;
            fs::set_permissions(&volume, Permissions::from_mode(self.shared.volume_mode))?;
        }
        Ok(())
    }

    /// What a container is started with.
    pub(super) fn spec(&self, plan: &ContainerPlan) -> ContainerSpec {
        let mut mounts = vec![Mount {
            from: self.directory.join("hosts"),
            to: "/etc/hosts".to_owned(),
            read_only: false,
        }];
        mounts.extend(plan.mounts.iter().map(|mount| Mount {
            from: self.volume(&mount.volume),
            to: mount.path.clone(),
            read_only: mount.read_only,
        }));
        // A mount inside another one has to come after it.
        mounts.sort_by_key(|mount| mount.to.matches('/').count());
        ContainerSpec {
            tree: plan.tree.as_ref().map(|image| image.tree.clone()).unwrap_or_default(),
            directory: self.directory_of(plan),
            words: plan.words.clone(),
            environment: plan.environment.clone(),
            working_directory: plan.working_directory.clone(),
            user: plan.user.clone(),
            mounts,
            read_only_root: plan.read_only_root,
        }
    }

    fn directory_of(&self, plan: &ContainerPlan) -> PathBuf {
        self.directory.join("containers").join(&plan.name)
    }

    fn volume(&self, name: &str) -> PathBuf {
        self.directory.join("volumes").join(name)
    }

    /// What a container has written, or all of them one after the other.
    pub(crate) fn log(&self, container: Option<&str>) -> String {
        let mine = |plan: &&ContainerPlan| container.is_none_or(|name| plan.name == name);
        let read = |plan: &ContainerPlan| fs::read(log_file(&self.directory_of(plan)));
        let logs = self.plans.iter().filter(mine).filter_map(|plan| read(plan).ok());
        logs.map(|log| String::from_utf8_lossy(&log).into_owned()).collect()
    }
}
