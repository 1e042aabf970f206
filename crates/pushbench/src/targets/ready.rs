//! What a target's supervisor reports of it.

use model::target::Publish;
use protocol::ready::ReadyLine;
use serde::{Deserialize, Serialize};

/// What a supervisor prints as soon as its target is ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetReady {
    pub(crate) line: ReadyLine,
    /// With the placeholders' values.
    pub(crate) publish: Publish,
    /// What it costs is that of these processes and of all below them; none where they cannot be known.
    pub(crate) pids: Vec<u32>,
}
