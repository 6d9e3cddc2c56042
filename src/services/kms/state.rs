//! The keys of every account and region, their aliases, and how a `KeyId` finds one.
//!
//! Invariants: an alias points to a key of its own account and region; a key has at most one current
//! material; `due` holds the next instant of every key that has one.

use super::error::Error;
use super::grants::Grant;
use super::key::{Key, KeyRef, Record, is_key_id};
use super::material::{Material, MaterialId};
use crate::base::{Caller, Millis};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The beginning of every alias.
pub const ALIAS: &str = "alias/";
/// The beginning of the aliases of AWS's own keys.
pub const MANAGED_ALIAS: &str = "alias/aws/";

/// An alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// The id of the key.
    pub target: String,
    /// When it was made, in milliseconds.
    pub created: i64,
    /// When it was last pointed elsewhere.
    pub updated: i64,
}

/// What an operation records for the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A key's own data are these.
    Key(KeyRef, Box<Record>),
    /// A material of a key, by its place among them, is this.
    Material(KeyRef, usize, Box<Material>),
    /// A grant of a key is this.
    Grant(KeyRef, Box<Grant>),
    /// A grant is gone.
    GrantGone(KeyRef, String),
    /// A key is gone, with its material, grants and aliases.
    KeyGone(KeyRef),
    /// An alias (account, region, name) is this.
    Alias(KeyRef, Alias),
    /// An alias is gone. Its name stands where a key's id would.
    AliasGone(KeyRef),
}

/// The keys and aliases of one account and region.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shelf {
    /// By id.
    pub keys: BTreeMap<String, Key>,
    /// By name, `alias/` included.
    pub aliases: BTreeMap<String, Alias>,
}

/// All keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    shelves: HashMap<String, BTreeMap<String, Shelf>>,
    by_material: HashMap<MaterialId, BTreeSet<KeyRef>>,
    due: BTreeSet<(Millis, KeyRef)>,
}

impl State {
    /// The shelf of an account and region.
    pub fn shelf(&self, account: &str, region: &str) -> Option<&Shelf> {
        self.shelves.get(account)?.get(region)
    }

    /// The same, made if it is missing.
    fn shelf_mut(&mut self, at: &KeyRef) -> &mut Shelf {
        let regions = self.shelves.entry(at.account.clone()).or_default();
        regions.entry(at.region.clone()).or_default()
    }

    /// The key at this place.
    pub fn key(&self, at: &KeyRef) -> Option<&Key> {
        self.shelf(&at.account, &at.region)?.keys.get(&at.id)
    }

    /// The keys of the multi-region set of `at`, in the order of their regions.
    pub fn related(&self, at: &KeyRef) -> Vec<&Key> {
        let regions = self.shelves.get(&at.account);
        regions.into_iter().flatten().filter_map(|(_, shelf)| shelf.keys.get(&at.id)).collect()
    }

    /// The key that a key id or key ARN means for `caller`; with `aliases`, an alias or its ARN too.
    pub fn find(&self, caller: &Caller, id: &str, aliases: bool) -> Result<&Key, Error> {
        let at = self.place(caller, id, aliases)?;
        self.key(&at).ok_or_else(|| Error::KeyNotFound(at.arn()))
    }

    /// A key of the caller's own account, by key id or key ARN: what operations that manage keys take.
    pub fn own(&self, caller: &Caller, id: &str, operation: &'static str) -> Result<&Key, Error> {
        let at = self.place(caller, id, false)?;
        if at.account != caller.account {
            return Err(Error::Managed(operation, at.arn()));
        }
        self.key(&at).ok_or_else(|| Error::KeyNotFound(at.arn()))
    }

    /// Where the key is that `id` means.
    fn place(&self, caller: &Caller, id: &str, aliases: bool) -> Result<KeyRef, Error> {
        let (account, region, name) = match id.strip_prefix("arn:") {
            None => (caller.account.as_str(), caller.region.as_str(), id),
            Some(rest) => {
                let parts: Vec<&str> = rest.splitn(5, ':').collect();
                let &[_, "kms", region, account, name] = parts.as_slice() else {
                    return Err(Error::MalformedArn(id.to_owned()));
                };
                if region != caller.region {
                    return Err(Error::InvalidArn(region.to_owned()));
                }
                let name = name.strip_prefix("key/").or(name.strip_prefix(ALIAS).map(|_| name));
                (account, region, name.ok_or_else(|| Error::MalformedArn(id.to_owned()))?)
            }
        };
        let at =
            |id: &str| KeyRef { account: account.into(), region: region.into(), id: id.into() };
        if name.starts_with(ALIAS) && aliases {
            let found = self.shelf(account, region).and_then(|s| s.aliases.get(name));
            return found.map(|alias| at(&alias.target)).ok_or_else(|| {
                Error::AliasNotFound(format!("arn:aws:kms:{region}:{account}:{name}"))
            });
        }
        if is_key_id(name) { Ok(at(name)) } else { Err(Error::NotAKeyId(name.to_owned())) }
    }

    /// The key under whose `material` a ciphertext was made, in the caller's region: of the caller's
    /// own account before any other's.
    pub fn of_material(&self, caller: &Caller, material: &MaterialId) -> Option<&Key> {
        let here = |at: &&KeyRef| at.region == caller.region;
        let places: Vec<&KeyRef> = self.by_material.get(material)?.iter().filter(here).collect();
        let own = places.iter().find(|at| at.account == caller.account);
        self.key(own.or(places.first())?)
    }

    /// Puts a key in its place.
    pub fn insert(&mut self, key: Key) {
        if let Some(due) = key.due() {
            self.due.insert((due, key.at.clone()));
        }
        for material in &key.materials {
            self.by_material.entry(material.record.id).or_default().insert(key.at.clone());
        }
        let id = key.at.id.clone();
        self.shelf_mut(&key.at.clone()).keys.insert(id, key);
    }

    /// Takes a key away with all that belongs to it.
    pub fn remove(&mut self, at: &KeyRef) -> Option<Key> {
        let shelf = self.shelf_mut(at);
        let key = shelf.keys.remove(&at.id)?;
        shelf.aliases.retain(|_, alias| alias.target != at.id);
        self.forget(&key);
        Some(key)
    }

    /// Changes a key, keeps what is derived from it right, and records its data and those of its
    /// materials that are new or changed.
    pub fn amend(&mut self, at: &KeyRef, changes: &mut Vec<Change>, amend: impl FnOnce(&mut Key)) {
        let Some(mut key) = self.shelf_mut(at).keys.remove(&at.id) else { return };
        self.forget(&key);
        let (record, materials) = (key.record.clone(), key.materials.clone());
        amend(&mut key);
        if key.record != record {
            changes.push(Change::Key(at.clone(), Box::new(key.record.clone())));
        }
        for (place, material) in key.materials.iter().enumerate() {
            if materials.get(place) != Some(material) {
                changes.push(Change::Material(at.clone(), place, Box::new(material.clone())));
            }
        }
        self.insert(key);
    }

    fn forget(&mut self, key: &Key) {
        if let Some(due) = key.due() {
            self.due.remove(&(due, key.at.clone()));
        }
        for material in &key.materials {
            if let Some(places) = self.by_material.get_mut(&material.record.id) {
                places.remove(&key.at);
                if places.is_empty() {
                    self.by_material.remove(&material.record.id);
                }
            }
        }
    }

    /// Notes a use that is not written down: nothing derived depends on it.
    pub fn note_use(&mut self, at: &KeyRef, last: super::key::LastUse) {
        if let Some(key) = self.shelf_mut(at).keys.get_mut(&at.id) {
            key.record.last_use = Some(last);
        }
    }

    /// Sets or takes away a grant.
    pub fn set_grant(&mut self, at: &KeyRef, id: &str, grant: Option<Grant>) {
        let Some(key) = self.shelf_mut(at).keys.get_mut(&at.id) else { return };
        match grant {
            Some(grant) => drop(key.grants.insert(id.to_owned(), grant)),
            None => drop(key.grants.remove(id)),
        }
    }

    /// Sets or takes away an alias, whose name stands in `at` where a key's id would.
    pub fn set_alias(&mut self, at: &KeyRef, alias: Option<Alias>) {
        let shelf = self.shelf_mut(at);
        match alias {
            Some(alias) => drop(shelf.aliases.insert(at.id.clone(), alias)),
            None => drop(shelf.aliases.remove(&at.id)),
        }
    }

    /// When something is due next.
    pub fn next_due(&self) -> Option<Millis> {
        self.due.first().map(|(due, _)| *due)
    }

    /// A key of which something is due at `now`.
    pub fn first_due(&self, now: Millis) -> Option<&Key> {
        let (_, at) = self.due.first().filter(|(due, _)| *due <= now)?;
        self.key(at)
    }

    /// A key that has material.
    pub fn any_material(&self) -> Option<&Material> {
        let keys = self.shelves.values().flat_map(|r| r.values()).flat_map(|s| s.keys.values());
        keys.flat_map(|key| &key.materials).find(|material| material.sealed.is_some())
    }
}

/// The place of an alias or a key called `id` in the caller's account and region.
pub fn here(caller: &Caller, id: &str) -> KeyRef {
    KeyRef { account: caller.account.clone(), region: caller.region.clone(), id: id.to_owned() }
}
