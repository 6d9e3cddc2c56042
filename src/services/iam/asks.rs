//! What requests to IAM ask to be allowed: an action on a user, group, role, policy or whatever the
//! input names.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>

use super::ops::member_of;
use super::state::{Kind, State};
use crate::services::access::{Ask, Asked};

/// What `asked` asks; `user` is the name of the user who asks.
pub fn asks(state: &State, asked: &Asked<'_>) -> Vec<Ask> {
    let action = format!("iam:{}", asked.operation);
    let account = &asked.caller.account;
    let arn = |resource: String| format!("arn:aws:iam::{account}:{resource}");
    let path = Some(asked.text("Path")).filter(|path| !path.is_empty()).unwrap_or("/");
    let own = state.account(account);
    // A group before a user, for adding to a group is done to the group.
    for kind in [Kind::Group, Kind::Role, Kind::User] {
        let name = asked.text(member_of(kind));
        if !name.is_empty() {
            let known = own.and_then(|own| own.identity(kind, name));
            let new = || arn(format!("{}{path}{name}", kind.word()));
            let ask = Ask::new(action, known.map_or_else(new, |known| known.arn.clone()));
            let ask = match known {
                Some(known) => ask.with_tags("iam", &known.tags),
                None => ask,
            };
            let passes = asked.operation == "AddRoleToInstanceProfile" && kind == Kind::Role;
            let role = passes.then(|| pass_role(&ask.resource, "ec2.amazonaws.com"));
            return std::iter::once(with_keys(ask, asked)).chain(role).collect();
        }
    }
    for member in ["PolicyArn", "OpenIDConnectProviderArn", "SAMLProviderArn", "PolicySourceArn"] {
        if !asked.text(member).is_empty() {
            return vec![Ask { owner: None, ..Ask::new(action, asked.text(member)) }];
        }
    }
    let named = [("PolicyName", "policy"), ("InstanceProfileName", "instance-profile")];
    let found = named.iter().find(|(member, _)| !asked.text(member).is_empty());
    if let Some((member, word)) = found {
        return vec![Ask::new(action, arn(format!("{word}{path}{}", asked.text(member))))];
    }
    // A user may look at its own keys without naming itself.
    let who = state.key(&asked.caller.access_key).map(|(_, user, _)| user.arn.clone());
    let of_user = asked.operation.contains("AccessKey") || asked.operation == "GetUser";
    vec![match who.filter(|_| of_user) {
        Some(user) => Ask::new(action, user),
        None => Ask::new(action, "*"),
    }]
}

fn with_keys(mut ask: Ask, asked: &Asked<'_>) -> Ask {
    for (member, key) in
        [("PolicyArn", "iam:PolicyARN"), ("PermissionsBoundary", "iam:PermissionsBoundary")]
    {
        if !asked.text(member).is_empty() {
            ask = ask.with_key(key, asked.text(member));
        }
    }
    ask
}

/// Leave to give the role `arn` to `service`, which will act with it.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>
pub fn pass_role(arn: &str, service: &str) -> Ask {
    Ask::new("iam:PassRole", arn).with_key("iam:PassedToService", service)
}
