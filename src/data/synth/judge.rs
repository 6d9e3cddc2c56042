//! Asks Postgres itself whether candidate rows fulfil a table's `CHECK`s, those of its domains, and lie in one
//! of its partitions: in a temporary table of a throw-away database.

use super::rows::Row;
use super::shape::TableShape;
use crate::base::Problem;
use crate::data::catalog::Table;
use crate::data::copy;
use crate::data::postgres::failed;
use bytes::Bytes;
use futures_util::SinkExt;
use std::pin::pin;
use tokio_postgres::Client;

/// The judge of one table.
pub(super) struct Judge<'a> {
    client: &'a Client,
    label: String,
    columns: String,
    refused: String,
    demands: Vec<String>,
}

impl<'a> Judge<'a> {
    /// `None`: nothing is demanded.
    pub(super) async fn of(
        client: &'a Client,
        table: &Table,
        shape: &TableShape,
    ) -> Result<Option<Judge<'a>>, Problem> {
        let checks = shape.checks.iter().map(|check| format!("({check}) IS NOT FALSE"));
        let routed = shape.routed.iter().map(|bounds| format!("({bounds}) IS TRUE"));
        let demands: Vec<String> = checks.chain(routed).collect();
        if demands.is_empty() {
            return Ok(None);
        }
        let label = table.label();
        let make = format!(
            "DROP TABLE IF EXISTS pg_temp.candidates; CREATE TEMP TABLE candidates ({})",
            shape.candidates
        );
        client.batch_execute(&make).await.map_err(|e| wrong(&label, &e))?;
        let refused = format!(
            "SELECT devenv_n FROM pg_temp.candidates WHERE NOT ({}) ORDER BY devenv_n",
            demands.join(" AND ")
        );
        Ok(Some(Judge { client, label, columns: table.column_list(), refused, demands }))
    }

    /// Which of `rows` are refused, by place.
    pub(super) async fn refused(&self, rows: &[(usize, &Row)]) -> Result<Vec<usize>, Problem> {
        let failed = |e: tokio_postgres::Error| wrong(&self.label, &e);
        self.client.batch_execute("TRUNCATE pg_temp.candidates").await.map_err(failed)?;
        let mut bytes = Vec::new();
        for (place, row) in rows {
            bytes.extend_from_slice(place.to_string().as_bytes());
            bytes.push(b'\t');
            put(row, &mut bytes);
        }
        let copy = format!("COPY pg_temp.candidates (devenv_n, {}) FROM STDIN", self.columns);
        let sink = self.client.copy_in(&copy).await.map_err(failed)?;
        let mut sink = pin!(sink);
        sink.send(Bytes::from(bytes)).await.map_err(failed)?;
        sink.finish().await.map_err(failed)?;
        let refused = self.client.query(&self.refused, &[]).await.map_err(failed)?;
        let place = |row: &tokio_postgres::Row| usize::try_from(row.get::<_, i32>(0)).ok();
        Ok(refused.iter().filter_map(place).collect())
    }

    /// Why no row was found.
    pub(super) fn gave_up(&self) -> Problem {
        let message = format!(
            "no row was found for {} that fulfils {}",
            self.label,
            self.demands.join(" and ")
        );
        Problem::failed("synth-check", message).hint(
            "name a value in devenv.data.toml: { mask = \"constant\", value = \"…\" }, or bounds: { mask = \"number\", least = 1, most = 9 }",
        )
    }
}

fn wrong(label: &str, error: &tokio_postgres::Error) -> Problem {
    failed(&format!("cannot try made-up rows of {label}"), error)
}

/// Appends a row in COPY's text format.
pub(super) fn put(row: &Row, out: &mut Vec<u8>) {
    for (nth, field) in row.fields.iter().enumerate() {
        if nth > 0 {
            out.push(b'\t');
        }
        match field {
            Some(text) => copy::put(text, out),
            None => out.extend_from_slice(b"\\N"),
        }
    }
    out.push(b'\n');
}
