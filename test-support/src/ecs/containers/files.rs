//! What the containers of a task have on this machine's disk.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::group::Group;
use super::plan::ContainerPlan;
use crate::container::{ContainerSpec, Mount};
use crate::host::log_file;

impl Group {
    /// Makes what is there before any container is.
    pub(super) fn prepare(&self) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        let names = self.addresses.iter().map(|address| {
            format!("{address} ip-{}.compute.internal\n", address.to_string().replace('.', "-"))
        });
        let hosts = "127.0.0.1 localhost\n".to_owned() + &names.collect::<String>();
        fs::write(self.directory.join("hosts"), hosts)?;
        for mount in self.plans.iter().flat_map(|plan| &plan.mounts) {
            fs::create_dir_all(self.volume(&mount.volume))?;
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
    pub(in crate::ecs) fn log(&self, container: Option<&str>) -> String {
        let mine = |plan: &&ContainerPlan| container.is_none_or(|name| plan.name == name);
        let read = |plan: &ContainerPlan| fs::read(log_file(&self.directory_of(plan)));
        let logs = self.plans.iter().filter(mine).filter_map(|plan| read(plan).ok());
        logs.map(|log| String::from_utf8_lossy(&log).into_owned()).collect()
    }
}
