//! Values of PostGIS' `geometry` and `geography`, whose text form is EWKB in hexadecimal: moved as a whole, so
//! that shapes, distances within them, and which points they share stay.
//! Source: <https://libgeos.org/specifications/wkb/> and PostGIS' liblwgeom (`lwout_wkb.c`).
//!
//! Invariant: bytes that are not understood to their end are refused; counts are compared with the bytes that
//! are there before anything follows them.

use super::permute::Permutation;
use super::{Beside, Mask, Reason};

/// Geometries within geometries at the most.
const DEPTH_MAX: usize = 32;
/// Flags in a type: height, measure, reference system.
const Z: u32 = 0x8000_0000;
const M: u32 = 0x4000_0000;
const SRID: u32 = 0x2000_0000;
/// Metres of a degree of latitude: coordinates that are no degrees move by as much.
const METRES_OF_DEGREE: f64 = 111_320.0;

const NOT: Reason = Reason("is no geometry in EWKB");

/// Moves by up to some degrees, as much for all rows of a subject.
pub(super) struct Geometry {
    pub(super) permutation: Permutation,
    /// At the most, in degrees.
    pub(super) degrees: f64,
}

impl Mask for Geometry {
    fn mask(&self, value: &str, beside: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let mut bytes = hex::decode(value).map_err(|_| NOT)?;
        let read = Walk::over(&bytes)?;
        let by = beside.subject.unwrap_or(value);
        let hash = self.permutation.hash(by.as_bytes());
        let reach = self.degrees * if read.geographic() { 1.0 } else { METRES_OF_DEGREE };
        for (axis, limit) in [(0, 180.0), (1, 90.0)] {
            let by = unit(hash, axis) * reach;
            let by = if read.geographic() { read.within(axis, by, limit) } else { by };
            read.places.iter().for_each(|place| place.shift(axis, by, &mut bytes));
        }
        out.push_str(&hex::encode_upper(bytes));
        Ok(())
    }
}

/// A number from -1 to 1 for an axis.
#[allow(clippy::cast_precision_loss, reason = "31 bits are taken")]
fn unit(hash: u64, axis: usize) -> f64 {
    let half = if axis == 0 { hash >> 32 } else { hash & 0xffff_ffff };
    half as f64 / f64::from(u32::MAX) * 2.0 - 1.0
}

/// Where a point's coordinates lie.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: usize,
    little: bool,
}

impl Place {
    fn read(self, axis: usize, bytes: &[u8]) -> f64 {
        let mut eight = [0; 8];
        eight.copy_from_slice(&bytes[self.at + axis * 8..][..8]);
        if self.little { f64::from_le_bytes(eight) } else { f64::from_be_bytes(eight) }
    }

    /// An empty point has no numbers, and stays.
    fn shift(self, axis: usize, by: f64, bytes: &mut [u8]) {
        let old = self.read(axis, bytes);
        if old.is_finite() {
            let new = old + by;
            let eight = if self.little { new.to_le_bytes() } else { new.to_be_bytes() };
            bytes[self.at + axis * 8..][..8].copy_from_slice(&eight);
        }
    }
}

/// What a value holds.
#[derive(Debug, Default)]
struct Walk {
    places: Vec<Place>,
    srid: u32,
    /// The least and the greatest coordinate of each axis.
    bounds: [Option<(f64, f64)>; 2],
}

impl Walk {
    fn over(bytes: &[u8]) -> Result<Walk, Reason> {
        let mut walk = Walk::default();
        let end = walk.geometry(bytes, 0, 0)?;
        match end == bytes.len() {
            true => Ok(walk),
            false => Err(NOT),
        }
    }

    /// Degrees, by the reference system; where none is said, by how large the numbers are.
    fn geographic(&self) -> bool {
        let fits = |axis: usize, limit: f64| {
            self.bounds[axis].is_none_or(|(least, most)| least >= -limit && most <= limit)
        };
        match self.srid {
            0 => fits(0, 180.0) && fits(1, 90.0),
            srid => (4000..5000).contains(&srid),
        }
    }

    /// As much of a move as leaves everything on the globe, the other way if need be.
    fn within(&self, axis: usize, by: f64, limit: f64) -> f64 {
        let Some((least, most)) = self.bounds[axis] else { return by };
        let fits = |by: f64| least + by >= -limit && most + by <= limit;
        let (low, high) = ((-limit - least).min(0.0), (limit - most).max(0.0));
        [by, -by].into_iter().find(|by| fits(*by)).unwrap_or_else(|| by.clamp(low, high))
    }

    /// Reads a geometry at `at`; answers where it ends.
    fn geometry(&mut self, bytes: &[u8], at: usize, depth: usize) -> Result<usize, Reason> {
        let little = match bytes.get(at) {
            Some(0) => false,
            Some(1) => true,
            _ => return Err(NOT),
        };
        let kind = number(bytes, at + 1, little)?;
        let mut at = at + 5;
        if kind & SRID != 0 {
            let srid = number(bytes, at, little)?;
            // Parts have the reference system of the whole.
            if depth == 0 {
                self.srid = srid
            } else if srid != self.srid {
                return Err(NOT);
            }
            at += 4;
        }
        let axes = 2 + usize::from(kind & Z != 0) + usize::from(kind & M != 0);
        match kind & !(Z | M | SRID) {
            1 => self.points(bytes, at, 1, (axes, little)),
            2 | 8 => {
                let count = number(bytes, at, little)?;
                self.points(bytes, at + 4, count, (axes, little))
            }
            3 | 17 => {
                let rings = number(bytes, at, little)?;
                at += 4;
                for _ in 0..rings {
                    let count = number(bytes, at, little)?;
                    at = self.points(bytes, at + 4, count, (axes, little))?;
                }
                Ok(at)
            }
            4..=7 | 9..=12 | 15 | 16 if depth < DEPTH_MAX => {
                let parts = number(bytes, at, little)?;
                at += 4;
                for _ in 0..parts {
                    at = self.geometry(bytes, at, depth + 1)?;
                }
                Ok(at)
            }
            _ => Err(NOT),
        }
    }

    fn points(
        &mut self,
        bytes: &[u8],
        at: usize,
        count: u32,
        (axes, little): (usize, bool),
    ) -> Result<usize, Reason> {
        let step = axes * 8;
        let length = usize::try_from(count).ok().and_then(|count| count.checked_mul(step));
        let end =
            length.and_then(|length| at.checked_add(length)).filter(|end| *end <= bytes.len());
        let end = end.ok_or(NOT)?;
        for at in (at..end).step_by(step) {
            let place = Place { at, little };
            for (axis, bounds) in self.bounds.iter_mut().enumerate() {
                let value = place.read(axis, bytes);
                if value.is_finite() {
                    let (least, most) = bounds.unwrap_or((value, value));
                    *bounds = Some((least.min(value), most.max(value)));
                }
            }
            self.places.push(place);
        }
        Ok(end)
    }
}

fn number(bytes: &[u8], at: usize, little: bool) -> Result<u32, Reason> {
    let four = bytes.get(at..at + 4).ok_or(NOT)?;
    let four = [four[0], four[1], four[2], four[3]];
    Ok(if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
}

#[cfg(test)]
mod tests {
    use super::super::{Key, Kind, Locale, Masks, Spec};
    use super::*;
    use proptest::prelude::*;

    /// A geometry as a test makes it.
    #[derive(Debug, Clone)]
    enum Made {
        Points(u32, Vec<[f64; 4]>),
        Rings(u32, Vec<Vec<[f64; 4]>>),
        Parts(u32, Vec<Made>),
    }

    /// How it is written: flags, reference system, order of bytes.
    #[derive(Debug, Clone, Copy)]
    struct Form {
        flags: u32,
        srid: Option<u32>,
        little: bool,
    }

    fn put(made: &Made, form: Form, out: &mut Vec<u8>) {
        let word = |n: usize| {
            let n = u32::try_from(n).expect("few");
            if form.little { n.to_le_bytes() } else { n.to_be_bytes() }
        };
        let points = |points: &[[f64; 4]], out: &mut Vec<u8>| {
            let axes = 2 + (form.flags & (Z | M)).count_ones() as usize;
            for number in points.iter().flat_map(|p| &p[..axes]) {
                out.extend(if form.little { number.to_le_bytes() } else { number.to_be_bytes() });
            }
        };
        let (Made::Points(kind, _) | Made::Rings(kind, _) | Made::Parts(kind, _)) = made;
        out.push(u8::from(form.little));
        let srid = if form.srid.is_some() { SRID } else { 0 };
        out.extend(word((kind | form.flags | srid) as usize));
        out.extend(form.srid.iter().flat_map(|srid| word(*srid as usize)));
        match made {
            Made::Points(1, all) => points(all, out),
            Made::Points(_, all) => {
                out.extend(word(all.len()));
                points(all, out);
            }
            Made::Rings(_, rings) => {
                out.extend(word(rings.len()));
                for ring in rings {
                    out.extend(word(ring.len()));
                    points(ring, out);
                }
            }
            Made::Parts(_, parts) => {
                out.extend(word(parts.len()));
                // As PostGIS does: the reference system is said once.
                parts.iter().for_each(|part| put(part, Form { srid: None, ..form }, out));
            }
        }
    }

    fn written(made: &Made, form: Form) -> String {
        let mut bytes = Vec::new();
        put(made, form, &mut bytes);
        hex::encode_upper(bytes)
    }

    fn masked(value: &str, subject: Option<&str>, degrees: f64) -> Result<String, Reason> {
        let key = Key::from_text("a key for tests only").expect("key");
        let masks = Masks { key: &key, locale: Locale::En };
        let spec = Spec { degrees: Some(degrees), ..Spec::of(Kind::Geometry) };
        let mut out = String::new();
        let made = masks.make(&spec).expect("mask");
        made.mask(value, &Beside { subject, witness: None }, &mut out).map(|()| out)
    }

    /// All points of a value.
    fn points(value: &str) -> Vec<(f64, f64)> {
        let bytes = hex::decode(value).expect("hex");
        let walk = Walk::over(&bytes).expect("a geometry");
        walk.places.iter().map(|p| (p.read(0, &bytes), p.read(1, &bytes))).collect()
    }

    fn point() -> impl Strategy<Value = [f64; 4]> {
        (-170.0..170.0f64, -80.0..80.0f64, -500.0..9000.0f64, any::<i32>())
            .prop_map(|(x, y, z, m)| [x, y, z, f64::from(m)])
    }

    fn shapes() -> impl Strategy<Value = Made> {
        let many = || prop::collection::vec(point(), 0..6);
        let leaf = prop_oneof![
            point().prop_map(|p| Made::Points(1, vec![p])),
            (prop::sample::select(vec![2, 8]), many()).prop_map(|(k, all)| Made::Points(k, all)),
            (prop::sample::select(vec![3, 17]), prop::collection::vec(many(), 0..4))
                .prop_map(|(k, rings)| Made::Rings(k, rings)),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let kinds = vec![4, 5, 6, 7, 9, 10, 11, 12, 15, 16];
            (prop::sample::select(kinds), prop::collection::vec(inner, 0..4))
                .prop_map(|(k, parts)| Made::Parts(k, parts))
        })
    }

    fn forms() -> impl Strategy<Value = Form> {
        let srid = prop::option::of(prop::sample::select(vec![4326, 4258, 25832, 3857]));
        (prop::sample::select(vec![0, Z, M, Z | M]), srid, any::<bool>())
            .prop_map(|(flags, srid, little)| Form { flags, srid, little })
    }

    proptest! {
        /// It moves as a whole, by no more than was said, and is built as it was; without a move it is the same.
        #[test]
        fn a_geometry_moves_as_a_whole(made in shapes(), form in forms()) {
            let value = written(&made, form);
            prop_assert_eq!(&masked(&value, None, 0.0).expect("masked"), &value);
            let moved = masked(&value, None, 0.5).expect("masked");
            prop_assert_eq!(moved.len(), value.len());
            prop_assert_eq!(&moved, &masked(&value, None, 0.5).expect("again"));
            let geographic = form.srid.is_none_or(|srid| (4000..5000).contains(&srid));
            let reach = if geographic { 0.5 } else { 0.5 * METRES_OF_DEGREE };
            let (old, new) = (points(&value), points(&moved));
            prop_assert_eq!(old.len(), new.len());
            let by = old.iter().zip(&new).map(|(a, b)| (b.0 - a.0, b.1 - a.1));
            let by: Vec<(f64, f64)> = by.collect();
            for (x, y) in &by {
                prop_assert!(x.abs() <= reach + 1e-6 && y.abs() <= reach + 1e-6);
                prop_assert!((x - by[0].0).abs() < 1e-6 && (y - by[0].1).abs() < 1e-6);
            }
            if geographic {
                prop_assert!(new.iter().all(|(x, y)| x.abs() <= 180.0 && y.abs() <= 90.0));
            }
            // Nothing else has changed: back where they were, they are the same bytes.
            let mut bytes = hex::decode(&moved).expect("hex");
            let source = hex::decode(&value).expect("hex");
            for place in Walk::over(&source).expect("walked").places {
                bytes[place.at..place.at + 16].copy_from_slice(&source[place.at..place.at + 16]);
            }
            prop_assert_eq!(bytes, source);
        }

        /// What is cut off, goes on, or is something else is refused, and nothing panics.
        #[test]
        fn what_is_not_understood_is_refused(made in shapes(), form in forms(), cut in 1usize..40, byte in any::<u8>(), at in any::<prop::sample::Index>()) {
            let value = written(&made, form);
            let short = &value[..value.len().saturating_sub(cut * 2)];
            prop_assert_eq!(masked(short, None, 0.5), Err(NOT));
            prop_assert_eq!(masked(&format!("{value}00"), None, 0.5), Err(NOT));
            let mut bytes = hex::decode(&value).expect("hex");
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = masked(&hex::encode_upper(bytes), None, 0.5);
        }
    }

    #[test]
    fn subjects_poles_and_empty_points() {
        let form = Form { flags: 0, srid: Some(4326), little: true };
        let at = |x: f64, y: f64| written(&Made::Points(1, vec![[x, y, 0.0, 0.0]]), form);
        // As PostGIS 3 writes ST_SetSRID(ST_MakePoint(13.4, 52.5), 4326).
        assert_eq!(at(13.4, 52.5), "0101000020E6100000CDCCCCCCCCCC2A400000000000404A40");
        let by = |value: &str, subject| {
            let moved = points(&masked(value, subject, 0.05).expect("masked"))[0];
            let old = points(value)[0];
            (moved.0 - old.0, moved.1 - old.1)
        };
        let (one, two) = (by(&at(13.4, 52.5), Some("7")), by(&at(-3.0, 9.0), Some("7")));
        assert!((one.0 - two.0).abs() < 1e-9 && (one.1 - two.1).abs() < 1e-9, "one subject");
        assert_ne!(by(&at(13.4, 52.5), Some("8")), one);
        assert!(one.0.abs() + one.1.abs() > 1e-4, "it moves");
        for (x, y) in [(180.0, 90.0), (-180.0, -90.0)] {
            let moved = points(&masked(&at(x, y), None, 0.05).expect("masked"))[0];
            assert!(moved.0.abs() < 180.0 && moved.1.abs() < 90.0, "{moved:?}");
        }
        let empty = at(f64::NAN, f64::NAN);
        assert_eq!(masked(&empty, None, 0.05).expect("empty"), empty);
        for wrong in
            ["", "Anna", "POINT(1 2)", "02", "0101000000", "01FF000000", "010700000001000000"]
        {
            assert_eq!(masked(wrong, None, 0.05), Err(NOT), "{wrong}");
        }
        let deep = "010700000001000000".repeat(DEPTH_MAX + 1) + "010700000000000000";
        assert_eq!(masked(&deep, None, 0.05), Err(NOT));
        // Counts that nothing stands behind.
        assert_eq!(masked("0102000000FFFFFFFF", None, 0.05), Err(NOT));
    }
}
