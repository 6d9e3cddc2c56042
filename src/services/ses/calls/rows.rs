//! The lines of the tables: what most operations do, named, and a function for those that do more.

use super::{Kind, Work};
use crate::services::ses::error::Error;
use crate::services::ses::records::Record;
use serde_json::{Value, json};

/// How an operation is carried out. `&str` members name those of the input.
#[derive(Clone, Copy)]
pub enum Row {
    /// The input becomes a record, dated.
    Create(&'static Kind, &'static str),
    /// The record is the answer.
    Get(&'static Kind, &'static str),
    /// The record is this member of the answer.
    GetAs(&'static Kind, &'static str, &'static str),
    /// The members of the input take the places of the record's.
    Update(&'static Kind, &'static str),
    /// The input, its key aside, becomes this member of the record.
    Set(&'static Kind, &'static str, &'static str),
    /// The record goes; that it is not there is an error.
    Delete(&'static Kind, &'static str),
    /// The record goes if it is there.
    Forget(&'static Kind, &'static str),
    /// All records, a page at a time, as this member of the answer.
    List(&'static Kind, &'static str),
    /// The same, only their names, which are this member of the records.
    Names(&'static Kind, &'static str, &'static str),
    /// The input becomes this member of the account's own record.
    Account(&'static Kind, &'static str),
    /// Something else.
    Own(fn(&mut Work<'_>) -> Result<Value, Error>),
}

impl Row {
    /// Carries the operation out.
    pub fn carry_out(self, work: &mut Work<'_>) -> Result<Value, Error> {
        match self {
            Row::Create(kind, key) => {
                let record = dated(work);
                let key = work.text(key).to_owned();
                kind.check_name(&key)?;
                work.create(kind, &key, record).map(|()| json!({}))
            }
            Row::Get(kind, key) => Ok(work.need(kind, work.text(key))?.clone().into()),
            Row::GetAs(kind, key, member) => {
                Ok(json!({ member: work.need(kind, work.text(key))? }))
            }
            Row::Update(kind, key) => {
                let key = work.text(key).to_owned();
                let mut record = work.need(kind, &key)?.clone();
                record.extend(work.input.clone());
                record.insert("LastUpdatedTimestamp".into(), work.timestamp());
                work.put(kind, &key, record);
                Ok(json!({}))
            }
            Row::Set(kind, key, member) => {
                let part = work.input_without(&[key]);
                let key = work.text(key).to_owned();
                let mut record = work.need(kind, &key)?.clone();
                record.insert(member.into(), part.into());
                work.put(kind, &key, record);
                Ok(json!({}))
            }
            Row::Delete(kind, key) => {
                let key = work.text(key).to_owned();
                work.need(kind, &key)?;
                work.delete(kind, &key);
                Ok(json!({}))
            }
            Row::Forget(kind, key) => {
                let key = work.text(key).to_owned();
                work.delete(kind, &key);
                Ok(json!({}))
            }
            Row::List(kind, member) => {
                let all = work.all(kind, "").into_iter();
                work.page(member, all.map(|(key, record)| (key, record.clone().into())))
            }
            Row::Names(kind, member, name) => {
                let all = work.all(kind, "").into_iter();
                work.page(member, all.map(|(key, record)| (key, record[name].clone())))
            }
            Row::Account(kind, member) => {
                let mut record = work.single(kind);
                record.insert(member.into(), work.input.clone().into());
                work.put(kind, "", record);
                Ok(json!({}))
            }
            Row::Own(function) => function(work),
        }
    }
}

/// The input with the instants that records carry.
pub(super) fn dated(work: &Work<'_>) -> Record {
    let mut record = work.input.clone();
    record.insert("CreatedTimestamp".into(), work.timestamp());
    record.insert("LastUpdatedTimestamp".into(), work.timestamp());
    record
}
