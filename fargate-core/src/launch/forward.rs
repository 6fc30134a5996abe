use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{News, Pace, TaskLauncher};
use crate::{Result, Stopped, TaskHandle, TaskSpec, TaskStatus};

macro_rules! forward {
    ($wrapper:ident) => {
        #[async_trait]
        impl<T: TaskLauncher + ?Sized> TaskLauncher for $wrapper<T> {
            fn backend(&self) -> &'static str {
                (**self).backend()
            }

            async fn launch(&self, spec: &TaskSpec) -> Result<TaskHandle> {
                (**self).launch(spec).await
            }

            async fn status(&self, task: &TaskHandle) -> Result<TaskStatus> {
                (**self).status(task).await
            }

            async fn watch(
                &self,
                task: &TaskHandle,
                pace: &Pace,
                told: &mut (dyn for<'n> FnMut(News<'n>) + Send),
            ) -> Result<Stopped> {
                (**self).watch(task, pace, told).await
            }

            async fn stop(&self, task: &TaskHandle, grace: Duration) -> Result<()> {
                (**self).stop(task, grace).await
            }

            async fn list(&self, owner: &str) -> Result<Vec<TaskHandle>> {
                (**self).list(owner).await
            }

            async fn log(
                &self,
                task: &TaskHandle,
                container: &str,
                lines: usize,
            ) -> Result<Vec<String>> {
                (**self).log(task, container, lines).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
