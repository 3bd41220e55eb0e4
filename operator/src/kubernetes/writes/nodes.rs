//! Writes to nodes.

use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::{Patch, PatchParams};

use super::super::node::mark_patch;
use super::{Failure, Uncertain, Unknown, Writer, is_final, refusal, unknown};
use crate::master::NodeMark;

/// A write to a node.
#[derive(Clone, Debug)]
pub(crate) enum NodeWrite {
    /// Marks a node: whether pods go there, and when it will be away.
    Mark {
        /// The uid that it has to have.
        uid: Box<str>,
        /// What was decided.
        mark: NodeMark,
    },
}

/// What came of a write to a node.
#[derive(Debug)]
pub(crate) enum NodeAnswer {
    /// Of marking it so.
    Marked(NodeMark, Result<(), Failure>),
}

impl NodeAnswer {
    /// Why nothing certain is known of what came of it, if so.
    pub(super) fn unknown(&self) -> Option<&Unknown> {
        let Self::Marked(_, result) = self;
        result.unknown()
    }
}

impl Writer {
    pub(super) async fn write_node(&self, name: &str, write: NodeWrite) -> NodeAnswer {
        let NodeWrite::Mark { uid, mark } = write;
        NodeAnswer::Marked(mark, self.timely(self.mark_node(name, &uid, mark)).await)
    }

    async fn mark_node(&self, name: &str, uid: &str, mark: NodeMark) -> Result<(), Failure> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let patch = Patch::Merge(mark_patch(uid, mark));
        match nodes.patch(name, &PatchParams::default(), &patch).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if is_final(&status) || status.code == 409 => {
                Err(refusal(&status))
            }
            Err(error) => Err(unknown(&error).into()),
        }
    }
}
