//! Access control lists: canned, by header, as documents.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html>

use crate::services::s3::error::{Error, Result};
use crate::services::s3::xml::{Element, Xml};

const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const AUTHENTICATED: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
const LOG_DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";
/// Grants of a list at the most.
const GRANTS_MAX: usize = 100;

/// The canned ACLs.
pub const CANNED: &[&str] = &[
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
    "log-delivery-write",
];

/// What a grant permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// All of the others.
    FullControl,
    /// List a bucket; read an object.
    Read,
    /// Write objects into a bucket.
    Write,
    /// Read the ACL.
    ReadAcp,
    /// Write the ACL.
    WriteAcp,
}

const PERMISSIONS: [(&str, &str, Permission); 5] = [
    ("FULL_CONTROL", "x-amz-grant-full-control", Permission::FullControl),
    ("READ", "x-amz-grant-read", Permission::Read),
    ("WRITE", "x-amz-grant-write", Permission::Write),
    ("READ_ACP", "x-amz-grant-read-acp", Permission::ReadAcp),
    ("WRITE_ACP", "x-amz-grant-write-acp", Permission::WriteAcp),
];

impl Permission {
    fn name(self) -> &'static str {
        PERMISSIONS.iter().find(|(_, _, p)| *p == self).map_or("", |(name, ..)| name)
    }
}

/// Who is granted something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grantee {
    /// An account, by its canonical id.
    User(String),
    /// Everybody.
    AllUsers,
    /// Everybody who has an AWS account.
    AuthenticatedUsers,
    /// Who delivers access logs.
    LogDelivery,
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who.
    pub grantee: Grantee,
    /// What.
    pub permission: Permission,
}

/// An access control list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl {
    /// The owner's canonical id.
    pub owner: String,
    /// The grants.
    pub grants: Vec<Grant>,
}

impl Acl {
    /// What a canned ACL stands for. Owner of bucket and object are one here, so that the ACLs that
    /// speak of the bucket's owner say what `private` says.
    pub fn canned(name: &str, owner: &str) -> Acl {
        use Permission::{Read, ReadAcp, Write};
        let more: &[(Grantee, Permission)] = match name {
            "public-read" => &[(Grantee::AllUsers, Read)],
            "public-read-write" => &[(Grantee::AllUsers, Read), (Grantee::AllUsers, Write)],
            "authenticated-read" => &[(Grantee::AuthenticatedUsers, Read)],
            "log-delivery-write" => {
                &[(Grantee::LogDelivery, Write), (Grantee::LogDelivery, ReadAcp)]
            }
            _ => &[],
        };
        let own =
            Grant { grantee: Grantee::User(owner.to_owned()), permission: Permission::FullControl };
        let more = more.iter().cloned().map(|(grantee, permission)| Grant { grantee, permission });
        Acl { owner: owner.to_owned(), grants: std::iter::once(own).chain(more).collect() }
    }

    /// An ACL as it is kept: a document, or the name of a canned one.
    pub fn kept(text: &str, owner: &str) -> Acl {
        if !text.starts_with('<') {
            return Acl::canned(text, owner);
        }
        let nothing = Acl { owner: owner.to_owned(), grants: Vec::new() };
        Acl::read(text.as_bytes(), None).unwrap_or(nothing)
    }

    /// Reads a document of a request for something that `owner` owns.
    pub fn read(document: &[u8], owner: Option<&str>) -> Result<Acl> {
        let malformed = || Error { code: "MalformedACLError".into(), ..Error::malformed_xml() };
        let policy = Element::parse(document, "AccessControlPolicy").map_err(|_| malformed())?;
        let own = policy.child("Owner").and_then(|o| o.value("ID")).ok_or_else(malformed)?;
        let list = policy.child("AccessControlList").ok_or_else(malformed)?;
        if owner.is_some() && !is_canonical(own) {
            return Err(Error::invalid_argument("Invalid id", "CanonicalUser/ID", own));
        }
        let grants: Vec<Grant> =
            list.all("Grant").map(|g| grant(g, &malformed)).collect::<Result<_>>()?;
        if grants.len() > GRANTS_MAX {
            return Err(malformed());
        }
        if owner.is_some_and(|owner| owner != own) {
            return Err(super::denied());
        }
        Ok(Acl { owner: own.to_owned(), grants })
    }

    /// The ACL that the `x-amz-grant-…` headers of a request say; `None` if there are none.
    pub fn from_headers<'a>(
        header: impl Fn(&str) -> Option<&'a str>,
        owner: impl FnOnce() -> String,
    ) -> Result<Option<Acl>> {
        let mut grants = Vec::new();
        let mut any = false;
        for (_, name, permission) in PERMISSIONS {
            let Some(value) = header(name) else { continue };
            any = true;
            for (kind, id) in grantees(name, value)? {
                let grantee = named(&kind, &id)?;
                grants.push(Grant { grantee, permission });
            }
        }
        Ok(any.then(|| Acl { owner: owner(), grants }))
    }

    /// As S3 answers it.
    pub fn document(&self) -> String {
        let mut xml = Xml::document("AccessControlPolicy");
        xml.open("Owner");
        xml.leaf("ID", &self.owner);
        xml.close();
        xml.open("AccessControlList");
        for grant in &self.grants {
            xml.open("Grant");
            let (kind, name, value) = match &grant.grantee {
                Grantee::User(id) => ("CanonicalUser", "ID", id.as_str()),
                Grantee::AllUsers => ("Group", "URI", ALL_USERS),
                Grantee::AuthenticatedUsers => ("Group", "URI", AUTHENTICATED),
                Grantee::LogDelivery => ("Group", "URI", LOG_DELIVERY),
            };
            xml.open_typed("Grantee", kind);
            xml.leaf(name, value);
            xml.close();
            xml.leaf("Permission", grant.permission.name());
            xml.close();
        }
        xml.finish()
    }

    /// Whether it grants anything to people who cannot be counted.
    pub fn is_public(&self) -> bool {
        let open = |g: &Grant| matches!(g.grantee, Grantee::AllUsers | Grantee::AuthenticatedUsers);
        self.grants.iter().any(open)
    }

    /// Whether it says only that the owner has full control.
    pub fn is_owners_alone(&self) -> bool {
        let own = |g: &Grant| {
            g.permission == Permission::FullControl
                && g.grantee == Grantee::User(self.owner.clone())
        };
        self.grants.iter().all(own)
    }

    /// Whether everybody has this permission.
    pub fn allows_everybody(&self, permission: Permission) -> bool {
        self.grants.iter().any(|g| {
            g.grantee == Grantee::AllUsers
                && (g.permission == permission || g.permission == Permission::FullControl)
        })
    }
}

fn is_canonical(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit())
}

fn group(uri: &str) -> Option<Grantee> {
    match uri {
        ALL_USERS => Some(Grantee::AllUsers),
        AUTHENTICATED => Some(Grantee::AuthenticatedUsers),
        LOG_DELIVERY => Some(Grantee::LogDelivery),
        _ => None,
    }
}

fn unknown_email() -> Error {
    Error::new(
        400,
        "UnresolvableGrantByEmailAddress",
        "The e-mail address you provided does not match any account on record.",
    )
}

fn grant(element: &Element, malformed: &impl Fn() -> Error) -> Result<Grant> {
    let permission = element.value("Permission").ok_or_else(malformed)?;
    let found = PERMISSIONS.iter().find(|(name, ..)| *name == permission);
    let permission = found.map(|(_, _, p)| *p).ok_or_else(malformed)?;
    let who = element.child("Grantee").ok_or_else(malformed)?;
    let grantee = match who.kind.as_deref() {
        Some("CanonicalUser") => {
            let id = who.value("ID").ok_or_else(malformed)?;
            if !is_canonical(id) {
                return Err(Error::invalid_argument("Invalid id", "CanonicalUser/ID", id));
            }
            Grantee::User(id.to_owned())
        }
        Some("Group") => {
            let uri = who.value("URI").ok_or_else(malformed)?;
            let unknown = || Error::invalid_argument("Invalid group uri", "Group/URI", uri);
            group(uri).ok_or_else(unknown)?
        }
        Some("AmazonCustomerByEmail") => return Err(unknown_email()),
        _ => return Err(malformed()),
    };
    Ok(Grant { grantee, permission })
}

/// `id="…", uri="…"`: kinds and names.
fn grantees(header: &'static str, value: &str) -> Result<Vec<(String, String)>> {
    let unknown = || Error::invalid_argument("Argument format not recognized", header, value);
    let mut found = Vec::new();
    for part in value.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (kind, name) = part.split_once('=').ok_or_else(unknown)?;
        if !["id", "uri", "emailAddress"].contains(&kind.trim()) {
            return Err(unknown());
        }
        found.push((kind.trim().to_owned(), name.trim().trim_matches('"').to_owned()));
    }
    if found.is_empty() { Err(unknown()) } else { Ok(found) }
}

fn named(kind: &str, name: &str) -> Result<Grantee> {
    match kind {
        "uri" => {
            group(name).ok_or_else(|| Error::invalid_argument("Invalid group uri", "uri", name))
        }
        "id" if is_canonical(name) => Ok(Grantee::User(name.to_owned())),
        "id" => Err(Error::invalid_argument("Invalid id", "id", name)),
        _ => Err(unknown_email()),
    }
}
