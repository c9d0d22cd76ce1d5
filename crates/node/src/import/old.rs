//! STIX 2.0 objects on their way in: upgraded to 2.1 with their ids kept.

use bytes::Bytes;

use crate::derive::{self, Bar, Derived, Rejected};

/// Upgrades and examines objects of a STIX 2.0 file. Observables that were inside observed data come first, as objects of
/// their own; objects that say they are 2.1 are taken as they are. `None` where it may not go on to the end.
pub(crate) fn derive(
    objects: &[Bytes],
    bar: Bar,
    may_go_on: &dyn Fn() -> bool,
) -> Option<Vec<Result<Derived, Rejected>>> {
    let list = [b"[", objects.join(&b","[..]).as_slice(), b"]"].concat();
    let upgraded = stix::upgrade::from_2_0(&list).into_iter();
    let derived = |object: Result<Vec<u8>, stix::Rejected>| -> Result<Derived, Rejected> {
        derive::derive(&object.map_err(Rejected::from)?.into(), bar)
    };
    upgraded.map(|object| may_go_on().then(|| derived(object))).collect()
}
