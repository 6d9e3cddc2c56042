//! What the anonymous may, and which policies and ACLs a bucket takes.

use super::acl::{Acl, Permission};
use super::actions::action;
use super::*;
use crate::base::Millis;
use std::collections::BTreeMap;

const OPEN: &str = "<PublicAccessBlockConfiguration></PublicAccessBlockConfiguration>";
const WRITERS: &str = "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>";
const OWNER: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn bucket(documents: &[(&str, &str)]) -> Bucket {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    let documents: BTreeMap<String, String> = documents.iter().map(owned).collect();
    Bucket {
        id: 1,
        name: "b".into(),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        created: Millis(0),
        settings: Settings { documents, ..Settings::default() },
    }
}

fn may(bucket: &Bucket, operation: &str, key: &str, object_acl: Option<&str>) -> bool {
    let keys = Keys::new().with("aws:SourceIp", "127.0.0.1");
    let action = action(operation, false).unwrap();
    Question { bucket, key, action, object_acl, keys: &keys }.is_allowed()
}

fn statement(effect: &str, action: &str, resource: &str) -> String {
    format!(
        r#"{{"Effect":"{effect}","Principal":"*","Action":"{action}","Resource":"arn:aws:s3:::{resource}"}}"#
    )
}

fn policy(statements: &[String]) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

#[test]
fn nothing_is_allowed_that_nothing_allows() {
    let fresh = bucket(&[]);
    for operation in ["GetObject", "PutObject", "ListObjects", "GetBucketAcl", "DeleteObject"] {
        assert!(!may(&fresh, operation, "k", Some("")), "{operation}");
    }
    assert_eq!(action("PutBucketPolicy", false), None);
}

#[test]
fn a_policy_opens_what_it_names_unless_public_access_is_blocked() {
    let read = policy(&[statement("Allow", "s3:GetObject", "b/open/*")]);
    let open = bucket(&[("policy", &read), ("publicAccessBlock", OPEN)]);
    assert!(may(&open, "GetObject", "open/k", None) && may(&open, "HeadObject", "open/k", None));
    assert!(!may(&open, "GetObject", "k", None) && !may(&open, "PutObject", "open/k", None));
    assert!(!may(&open, "ListObjects", "", None));
    let blocked = bucket(&[("policy", &read)]);
    assert!(!may(&blocked, "GetObject", "open/k", None), "a new bucket restricts public policies");
    // A policy that a condition narrows to known addresses is not public.
    let narrow = read.replace(
        "\"Principal\"",
        "\"Condition\":{\"IpAddress\":{\"aws:SourceIp\":\"127.0.0.0/8\"}},\"Principal\"",
    );
    assert!(may(&bucket(&[("policy", &narrow)]), "GetObject", "open/k", None));
    let unreadable =
        bucket(&[("policy", "{"), ("publicAccessBlock", OPEN), ("acl", "public-read")]);
    assert!(!may(&unreadable, "GetObject", "open/k", Some("public-read")));
}

#[test]
fn an_acl_opens_where_acls_count_and_a_policy_may_still_deny() {
    let acls =
        [("ownershipControls", WRITERS), ("publicAccessBlock", OPEN), ("acl", "public-read-write")];
    let open = bucket(&acls);
    assert!(may(&open, "ListObjects", "", None) && may(&open, "PutObject", "k", None));
    assert!(may(&open, "DeleteObject", "k", None));
    assert!(!may(&open, "GetObject", "k", Some("")), "an object has an ACL of its own");
    assert!(may(&open, "GetObject", "k", Some("public-read")));
    assert!(!may(&open, "GetObjectAcl", "k", Some("public-read")));
    let deny = policy(&[statement("Deny", "s3:GetObject", "b/*")]);
    let denying = bucket(&[&acls[..], &[("policy", deny.as_str())]].concat());
    assert!(!may(&denying, "GetObject", "k", Some("public-read")));
    for off in [&acls[..1], &acls[1..]] {
        assert!(!may(&bucket(off), "GetObject", "k", Some("public-read")), "{off:?}");
    }
    // Deleted controls and blocks leave ACLs on and nothing blocked.
    let deleted = bucket(&[("ownershipControls", ""), ("publicAccessBlock", "")]);
    assert!(may(&deleted, "GetObject", "k", Some("public-read")));
}

#[test]
fn a_policy_must_fit_its_bucket() {
    let open = bucket(&[("publicAccessBlock", OPEN)]);
    let refused = |text: &str| policy::check(text, &open).unwrap_err();
    let one = |action: &str, resource: &str| policy(&[statement("Allow", action, resource)]);
    for (action, resource) in [
        ("s3:GetObject", "b/*"),
        ("s3:getobject", "b/a?c"),
        ("s3:*", "b"),
        ("*", "b/*"),
        ("s3:List*", "b"),
        ("s3:GetObject", "*"),
        ("s3:GetObject", "${aws:username}/*"),
    ] {
        assert_eq!(policy::check(&one(action, resource), &open), Ok(()), "{action} {resource}");
    }
    for (action, resource, message) in [
        ("s3:GetObject", "c/*", "Policy has invalid resource"),
        ("s3:GetObject", "bb/*", "Policy has invalid resource"),
        ("s3:Fetch", "b/*", "Policy has invalid action"),
        ("sqs:SendMessage", "b/*", "Policy has invalid action"),
        ("s3:ListAllMyBuckets", "b", "Policy has invalid action"),
        ("s3:ListBucket", "b/*", "Action does not apply to any resource(s) in statement"),
        ("s3:GetObject", "b", "Action does not apply to any resource(s) in statement"),
    ] {
        let error = refused(&one(action, resource));
        assert_eq!((error.code.as_ref(), error.message.as_ref()), ("MalformedPolicy", message));
    }
    let condition = one("s3:GetObject", "b/*").replace(
        "\"Principal\"",
        "\"Condition\":{\"StringEquals\":{\"s3:color\":\"x\"}},\"Principal\"",
    );
    assert_eq!(refused(&condition).message, "Policy has an invalid condition key");
    let tag = condition.replace("s3:color", "s3:ExistingObjectTag/color");
    assert_eq!(policy::check(&tag, &open), Ok(()));
    let nobody =
        one("s3:GetObject", "b/*").replace("\"*\",\"Action\"", "{\"AWS\":\"me\"},\"Action\"");
    let error = refused(&nobody);
    assert_eq!(error.members, [("Detail".into(), "\"AWS\" : \"me\"".to_owned())]);
    let public = one("s3:GetObject", "b/*");
    assert_eq!(policy::check(&public, &bucket(&[])).unwrap_err().code, "AccessDenied");
}

#[test]
fn which_acls_a_bucket_takes() {
    let code = |result: Result<()>| result.err().map(|e| e.code.into_owned());
    let object = |bucket: &Bucket, acl: &str| code(check_object_acl(bucket, acl, OWNER, false));
    let enforced = bucket(&[("publicAccessBlock", OPEN)]);
    assert_eq!(object(&enforced, ""), None);
    assert_eq!(object(&enforced, "bucket-owner-full-control"), None);
    let own = Acl::canned("private", OWNER).document();
    assert_eq!(object(&enforced, &own), None);
    for acl in ["private", "public-read"] {
        assert_eq!(object(&enforced, acl).unwrap(), "AccessControlListNotSupported");
    }
    assert_eq!(check_object_acl(&enforced, "private", OWNER, true), Ok(()));
    assert!(check_object_acl(&enforced, "public-read", OWNER, true).is_err());
    let writers = bucket(&[("ownershipControls", WRITERS)]);
    assert_eq!(object(&writers, "private"), None);
    assert_eq!(object(&writers, "public-read").unwrap(), "AccessDenied");
    let public = Acl::canned("public-read", OWNER);
    assert_eq!(
        code(check_new_bucket(&bucket(&[]).settings, &public)).unwrap(),
        "InvalidBucketAclWithObjectOwnership"
    );
    let error = code(check_new_bucket(&writers.settings, &public));
    assert_eq!(error.unwrap(), "InvalidBucketAclWithBlockPublicAccessError");
    assert_eq!(
        code(check_bucket_acl(&enforced, &Acl::canned("private", OWNER), true)).unwrap(),
        "AccessControlListNotSupported"
    );
}

#[test]
fn documents_and_headers_are_read_as_aws_reads_them() {
    for name in acl::CANNED {
        let acl = Acl::canned(name, OWNER);
        assert_eq!(Acl::read(acl.document().as_bytes(), Some(OWNER)).unwrap(), acl, "{name}");
    }
    let right = Acl::canned("public-read", OWNER).document();
    let read = |text: &str| Acl::read(text.as_bytes(), Some(OWNER)).unwrap_err();
    assert_eq!(read("<AccessControlPolicy/>").code, "MalformedACLError");
    assert_eq!(read(&right.replace("READ", "FAKE")).code, "MalformedACLError");
    assert_eq!(read(&right.replace("\"Group\"", "\"Crowd\"")).code, "MalformedACLError");
    let error = read(&right.replace("AllUsers", "FakeGroup"));
    assert_eq!(
        (error.message.as_ref(), error.members[0].1.as_str()),
        ("Invalid group uri", "Group/URI")
    );
    let error = read(&right.replace(OWNER, "wrong-id"));
    assert_eq!(
        (error.message.as_ref(), error.members[0].1.as_str()),
        ("Invalid id", "CanonicalUser/ID")
    );
    assert_eq!(read(&right.replacen(OWNER, &"b".repeat(64), 1)).code, "AccessDenied");

    let of = |name: &'static str, value: &'static str| {
        Acl::from_headers(|n| (n == name).then_some(value), || OWNER.to_owned())
    };
    let acl = of("x-amz-grant-read", "uri=\"http://acs.amazonaws.com/groups/global/AllUsers\"");
    assert!(acl.unwrap().unwrap().allows_everybody(Permission::Read));
    assert_eq!(of("x-amz-acl", "private").unwrap(), None);
    let error = of("x-amz-grant-write", "fakekey=\"1234\"").unwrap_err();
    assert_eq!(error.message, "Argument format not recognized");
    assert_eq!(error.members[0].1, "x-amz-grant-write");
    assert_eq!(of("x-amz-grant-read", "id=\"wrong-id\"").unwrap_err().message, "Invalid id");
    let error = of("x-amz-grant-read", "emailAddress=\"a@b.c\"").unwrap_err();
    assert_eq!(error.code, "UnresolvableGrantByEmailAddress");
}
