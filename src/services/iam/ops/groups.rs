//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddUserToGroup.html>,
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetGroup.html>

use super::identities::shown;
use super::{Done, Work, quota};
use crate::services::iam::limits::GROUPS_PER_USER_MAX;
use crate::services::iam::state::Kind;
use serde_json::json;

pub(super) fn add_user(work: &mut Work<'_>) -> Done {
    let group = work.identity(Kind::Group)?.name.to_ascii_lowercase();
    let mut user = work.identity(Kind::User)?.clone();
    user.groups.insert(group);
    if user.groups.len() > GROUPS_PER_USER_MAX {
        return Err(quota("GroupsPerUser", GROUPS_PER_USER_MAX));
    }
    work.put_identity(user);
    Ok(json!({}))
}

pub(super) fn remove_user(work: &mut Work<'_>) -> Done {
    let group = work.identity(Kind::Group)?.name.to_ascii_lowercase();
    let mut user = work.identity(Kind::User)?.clone();
    user.groups.remove(&group);
    work.put_identity(user);
    Ok(json!({}))
}

pub(super) fn get(work: &mut Work<'_>) -> Done {
    let group = work.identity(Kind::Group)?;
    let key = group.name.to_ascii_lowercase();
    let members = work.account().all(Kind::User).filter(|user| user.groups.contains(&key));
    let items = members.map(|user| (user.name.to_ascii_lowercase(), shown(user, false))).collect();
    let mut answer = work.paged("Users", items)?;
    answer["Group"] = shown(group, false);
    Ok(answer)
}

pub(super) fn of_user(work: &mut Work<'_>) -> Done {
    let user = work.identity(Kind::User)?;
    let groups = user.groups.iter().filter_map(|g| work.account().identity(Kind::Group, g));
    let items =
        groups.map(|group| (group.name.to_ascii_lowercase(), shown(group, false))).collect();
    work.paged("Groups", items)
}
