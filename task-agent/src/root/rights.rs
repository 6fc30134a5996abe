//! The rights of what runs inside.

use std::io;

use fargate_core::Result;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
    remove_capability_from_bounding_set, set_capabilities,
};

use super::fail;

/// What root keeps: Docker's list but for the right to make devices.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::AUDIT_WRITE);

/// Limits every program that this thread starts to [`KEPT`]. This process itself keeps what it has:
/// whoever has fewer rights may not look into it (ptrace(2)), and it holds the way out of the root.
pub(super) fn give_up() -> Result<()> {
    let limited = || -> io::Result<()> {
        for bit in (0..u64::BITS).map(|at| CapabilitySet::from_bits_retain(1 << at)) {
            match capability_is_in_bounding_set(bit) {
                Ok(true) if !KEPT.contains(bit) => remove_capability_from_bounding_set(bit)?,
                Ok(_) => {}
                // Beyond the last one this kernel knows.
                Err(_) => break,
            }
        }
        let now = capabilities(None)?;
        set_capabilities(None, CapabilitySets { inheritable: CapabilitySet::empty(), ..now })?;
        Ok(())
    };
    limited().map_err(fail::to("give up rights"))
}
