use std::sync::Arc;

use async_trait::async_trait;

use super::{ExecRequest, ExitStatus, OutputSink, RemoteExec};
use crate::{Endpoint, Result};

macro_rules! forward {
    ($wrapper:ident) => {
        #[async_trait]
        impl<T: RemoteExec + ?Sized> RemoteExec for $wrapper<T> {
            async fn probe(&self, at: &Endpoint) -> Result<Endpoint> {
                (**self).probe(at).await
            }

            async fn exec(
                &self,
                at: &Endpoint,
                request: ExecRequest,
                out: &mut dyn OutputSink,
            ) -> Result<ExitStatus> {
                (**self).exec(at, request, out).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
