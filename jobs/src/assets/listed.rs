//! Keys of objects and what they say.

use uuid::Uuid;

use crate::meetings::room_removal::object_key;
use crate::platform::database::Uid;
use crate::platform::storage::Object;

/// What the keys of all assets, and of everything else that is looked at, begin with.
pub(super) const PREFIX: &str = "assets/";

/// A stored object, as far as this domain is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listed {
    /// The asset whose object it is; `None` if its key is not one that the platform gives.
    pub(super) asset: Option<Uuid>,
    /// In bytes.
    pub(super) size: u64,
}

impl From<&Object> for Listed {
    fn from(object: &Object) -> Self {
        Self { asset: asset(&object.key), size: object.size }
    }
}

/// The key of an asset's object. Its order is that of the identifiers: hyphens are at the same places in all of them,
/// and `0` to `9` come before `a` to `f`.
pub(super) fn key(asset: Uuid) -> String {
    object_key(Uid(asset))
}

/// The asset whose object has this key, which must be spelled as the platform spells it: lower case, with hyphens.
pub(super) fn asset(key: &str) -> Option<Uuid> {
    let name = key.strip_prefix(PREFIX)?;
    let asset = Uuid::try_parse(name).ok()?;
    (asset.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()) == name).then_some(asset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_platforms_own_spelling_names_an_asset() {
        let id = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        let name = id.to_string();
        assert_eq!(asset(&key(id)), Some(id));
        let others = [
            name.clone(),
            format!("assets/{}", name.to_uppercase()),
            format!("assets/{}", id.simple()),
            format!("assets/{}", id.braced()),
            format!("assets/{}", id.urn()),
            format!("assets/{name}/"),
            format!("assets/{name}.webm"),
            format!("assets//{name}"),
            format!("assets/ {name}"),
            format!("Assets/{name}"),
            "assets/".to_owned(),
            "assets/.upkeep-access-check".to_owned(),
            "assets/äöü".to_owned(),
        ];
        for other in others {
            assert_eq!(asset(&other), None, "{other}");
        }
    }

    #[test]
    fn keys_are_in_the_order_of_the_identifiers() {
        let mut ids: Vec<Uuid> = (0..2_000).map(|_| Uuid::new_v4()).chain([Uuid::nil(), Uuid::max()]).collect();
        ids.sort();
        let keys: Vec<String> = ids.iter().map(|id| key(*id)).collect();
        assert!(keys.is_sorted());
    }
}
