//! What a task is: asked for ([`TaskSpec`]), started ([`TaskHandle`]), observed ([`TaskStatus`]).

mod endpoint;
mod handle;
mod image;
mod needs;
mod service;
mod spec;
mod status;

pub use endpoint::Endpoint;
pub use handle::TaskHandle;
pub use image::{PullPolicy, TaskImage};
pub use needs::{Capacity, TaskNeeds, TaskResources};
pub use service::TaskService;
pub use spec::{TaskKey, TaskSpec};
pub use status::{StopCause, Stopped, TaskStatus};
