//! Expiry that follows the virtual clock: when it is moved, so is the time at which keys expire.

use super::Talk;
use crate::base::Problem;

/// Brings every key's end nearer by `ARGV[1]` milliseconds, or puts it off. What is due ends a
/// millisecond later, by itself, so that it is announced as expired. A key is met twice when the table
/// is rebuilt meanwhile.
const SWEEP: &str = "local met, cursor, moved = {}, '0', 0 \
repeat local page = redis.call('SCAN', cursor, 'COUNT', 1000) cursor = page[1] \
for _, key in ipairs(page[2]) do if not met[key] then met[key] = true \
local left = redis.call('PTTL', key) \
if left >= 0 then redis.call('PEXPIRE', key, math.max(1, left - ARGV[1])) moved = moved + 1 end \
end end until cursor == '0' return moved";

/// Moves the ends of all keys of the server on `port`; how many have one.
pub fn sweep(port: u16, by_ms: i64) -> Result<u64, Problem> {
    let mut talk = Talk::with(port)?;
    let databases: Vec<u32> = talk
        .must("INFO keyspace")?
        .lines()
        .filter_map(|line| line.strip_prefix("db")?.split_once(':')?.0.parse().ok())
        .collect();
    let mut moved = 0;
    for database in databases {
        talk.must(&format!("SELECT {database}"))?;
        moved += talk.must(&format!("EVAL \"{SWEEP}\" 0 {by_ms}"))?.parse().unwrap_or(0);
    }
    Ok(moved)
}
