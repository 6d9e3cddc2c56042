//! Properties of the masks: bijections, formats kept, the same answer always.

use super::*;

fn mask(spec: &Spec, value: &str) -> String {
    beside(spec, value, None)
}

fn beside(spec: &Spec, value: &str, subject: Option<&str>) -> String {
    let key = Key::from_text("a key for tests only").expect("key");
    let masks = Masks { key: &key, locale: Locale::De };
    let mut out = String::new();
    let made = masks.make(spec).expect("mask");
    made.mask(value, &Beside { subject, witness: None }, &mut out).expect("masked");
    out
}

fn by(kind: Kind, value: &str) -> String {
    mask(&Spec::of(kind), value)
}

#[test]
fn a_pattern_masks_its_parts_and_refuses_what_does_not_fit() {
    let pattern =
        |template: &str| Spec { value: Some(template.to_owned()), ..Spec::of(Kind::Pattern) };
    let address = by(Kind::Email, "a.b@c.de");
    let key = pattern("in/{email}/{id}-{*}.pdf");
    assert_eq!(mask(&key, "in/a.b@c.de/4711-x.pdf.pdf"), format!("in/{address}/7123-x.pdf.pdf"));
    let masks =
        Masks { key: &Key::from_text("a key for tests only").expect("key"), locale: Locale::De };
    let made = masks.make(&key).expect("mask");
    for wrong in ["in/a.b@c.de/4711.pdf", "out/a@b.c/1-x.pdf", "in//1-x.pdf", ""] {
        assert!(made.mask(wrong, &Beside::default(), &mut String::new()).is_err(), "{wrong}");
    }
    for wrong in ["{email}{id}", "{email", "{nothing}"] {
        assert!(masks.make(&pattern(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn hstore_and_xml_keep_how_they_are_built() {
    let name = by(Kind::Text, "Anna \"A\" <x>");
    let rest = Some(Box::new(Spec::of(Kind::Text)));
    let mut hstore = Spec { rest, ..Spec::of(Kind::Hstore) };
    hstore.paths.insert("$.mail".to_owned(), Spec::of(Kind::Email));
    let written = r#""mail"=>"a.b@c.de", "who"=>"Anna \"A\" <x>", "none"=>NULL"#;
    let masked = mask(&hstore, written);
    let expected = format!(
        "\"mail\"=>\"{}\", \"who\"=>\"{}\", \"none\"=>NULL",
        by(Kind::Email, "a.b@c.de"),
        name.replace('"', "\\\"")
    );
    assert_eq!(masked, expected);
    let xml = mask(
        &Spec::of(Kind::Xml),
        "<?xml version=\"1.0\"?><p who='Anna &quot;A&quot; &lt;x&gt;'> <b>Anna &quot;A&quot; &lt;x&gt;</b><c/></p>",
    );
    let escaped = quick_xml::escape::escape(name.as_str());
    assert_eq!(xml, format!("<?xml version=\"1.0\"?><p who='{escaped}'> <b>{escaped}</b><c/></p>"));
    let key = Key::from_text("a key for tests only").expect("key");
    let masks = Masks { key: &key, locale: Locale::De };
    for (spec, wrong) in [
        (&hstore, "anna"),
        (&hstore, "\"a\"=>1"),
        (&Spec::of(Kind::Xml), "<a><!-- Anna --></a>"),
        (&Spec::of(Kind::Xml), "<a b='1"),
    ] {
        let made = masks.make(spec).expect("mask");
        assert!(made.mask(wrong, &Beside::default(), &mut String::new()).is_err(), "{wrong}");
    }
}

/// Fixed for ever: what was pulled by one version must meet what is pulled by the next.
#[test]
fn the_masks_do_not_change_between_versions() {
    let all = [
        by(Kind::Id, "4711"),
        by(Kind::Uuid, "0191e8b0-1c2d-7a3b-8c4d-5e6f708192a3"),
        by(Kind::Email, "Anna.Schmidt@clinic.de"),
        by(Kind::Phone, "+49 170 1234567"),
        by(Kind::Card, "4111 1111 1111 1111"),
        by(Kind::Iban, "DE89 3704 0044 0532 0130 00"),
        by(Kind::Text, "Zimmer 12b, Straße"),
        by(Kind::Name, "Anna Schmidt"),
        by(Kind::Ip, "192.168.7.0/24"),
    ];
    assert_eq!(all, PINNED);
}

const PINNED: [&str; 9] = [
    "7123",
    "39e2d65d-1f18-79fb-982a-35c912188eba",
    "Rrtb.Fntcskj@dsvngr.de.test",
    "+49 123 0913872",
    "4641 4723 9247 3482",
    "DE97 7334 0692 9696 3008 93",
    "Iuesoa 95r, UridÜh",
    "Elke Brunnacker",
    "247.190.223.0/24",
];

#[test]
fn each_kind_of_key_is_a_bijection_where_all_values_can_be_tried() {
    let distinct = |mut all: Vec<String>| {
        let before = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), before);
    };
    distinct((-300..40_000).map(|n: i32| by(Kind::Id, &n.to_string())).collect());
    distinct((0..20_000).map(|n| by(Kind::Phone, &format!("{n}"))).collect());
    distinct((0..20_000).map(|n| by(Kind::Phone, &format!("{n:06}"))).collect());
    distinct((0..30_000).map(|n| by(Kind::Card, &format!("41111{n:05}"))).collect());
    let ibans =
        (0..20_000).map(|n| by(Kind::Iban, &format!("DE{:02}000000{:03}", n % 100, n / 100)));
    distinct(ibans.collect());
}

#[test]
fn an_id_fits_its_type_and_meets_its_foreign_key() {
    for (value, high) in [(32_767, 32_767), (2_147_483_647, 2_147_483_647), (99_999, 99_999)] {
        let masked: i64 = by(Kind::Id, &i64::to_string(&value)).parse().expect("number");
        assert!((1..=high).contains(&masked), "{masked}");
    }
    let last: i64 = by(Kind::Id, &i64::MAX.to_string()).parse().expect("fits into 64 bits");
    assert!(last > 0);
}

#[test]
fn an_address_leads_nowhere_and_keeps_its_colleagues() {
    let (one, two) = (by(Kind::Email, "a.b@firm.de"), by(Kind::Email, "c.d@firm.de"));
    assert_eq!(one.split('@').nth(1), two.split('@').nth(1));
    assert!(one.ends_with(".de.test") && one != two, "{one}");
    assert_eq!(one.to_lowercase(), by(Kind::Email, "A.B@FIRM.DE").to_lowercase());
    let short = Spec { max: Some(20), ..Spec::of(Kind::Email) };
    let masked = mask(&short, "somebody@company.org");
    assert!(masked.len() <= 20 && masked.ends_with("@x.test"), "{masked}");
}

#[test]
fn dates_keep_their_intervals_within_a_subject() {
    let date = Spec::of(Kind::Date);
    let at = |value: &str, subject| beside(&date, value, Some(subject));
    let day = |text: &str| text[..10].parse::<jiff::civil::Date>().expect("date");
    let (a, b) = (at("2024-02-28", "7"), at("2024-03-02 11:12:13.5+01", "7"));
    assert_eq!(day(&b).since(day(&a)).expect("span").get_days(), 3);
    assert!(b.ends_with(" 11:12:13.5+01") && a != "2024-02-28");
    assert_ne!(at("2024-02-28", "8"), a);
    assert_eq!(by(Kind::Date, "infinity"), "infinity");
}

#[test]
fn documents_and_arrays_keep_their_form() {
    let mut json = Spec::of(Kind::Json);
    for (path, kind) in
        [("$.contact.email", Kind::Email), ("$.tags[*]", Kind::Keep), ("$.by.{email}.n", Kind::Id)]
    {
        json.paths.insert(path.into(), Spec::of(kind));
    }
    let document =
        r#"{"contact":{"email":"a@b.de","ok":true},"tags":["x",null],"by":{"q@r.de":{"n":55}}}"#;
    let masked: serde_json::Value = serde_json::from_str(&mask(&json, document)).expect("json");
    assert_eq!(masked["contact"]["email"], by(Kind::Email, "a@b.de"));
    assert_eq!(masked["tags"], serde_json::json!(["x", null]));
    assert_eq!(masked["by"][by(Kind::Email, "q@r.de")]["n"].to_string(), by(Kind::Id, "55"));
    let key = Key::from_text("a key for tests only").expect("key");
    let made = Masks { key: &key, locale: Locale::En }.make(&json).expect("mask");
    let refused = made.mask_or_say(r#"{"a b":1}"#, &Beside::default(), &mut String::new());
    assert_eq!(refused, Err(Refused::Path("$.\"a b\"".into())));
    let array = Spec { of: Some(Box::new(Spec::of(Kind::Email))), ..Spec::of(Kind::Array) };
    let email = by(Kind::Email, "a@b.de");
    assert_eq!(
        mask(&array, r#"{a@b.de,NULL,{"a@b.de"}}"#),
        format!("{{{email},NULL,{{{email}}}}}")
    );
}

#[test]
fn rotated_embeddings_keep_their_distances() {
    let numbers = |text: &str| -> Vec<f64> {
        text.trim_matches(['[', ']']).split(',').map(|n| n.parse().expect("number")).collect()
    };
    let distance =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt();
    let (a, b) = ("[1,0.5,-2,0.25]", "[0.3,0.1,4,1]");
    let (ma, mb) = (by(Kind::Vector, a), by(Kind::Vector, b));
    let before = distance(&numbers(a), &numbers(b));
    assert!((distance(&numbers(&ma), &numbers(&mb)) - before).abs() < 1e-4);
    assert!(distance(&numbers(&ma), &numbers(a)) > 0.01);
}

proptest::proptest! {
    #[test]
    fn formats_are_kept(digits in "[0-9]{14}", account in "[A-Z]{2}[0-9A-Z]{16}", name in "[a-z]{3,12}") {
        let card = format!("{digits}{}", digits::luhn(digits.as_bytes()));
        proptest::prop_assert!(luhn_right(by(Kind::Card, &card).as_bytes()));
        let check = numbers::iban_check(&account[..2], &account[2..]);
        let iban = format!("{}{check:02}{}", &account[..2], &account[2..]);
        proptest::prop_assert!(iban_right(&iban) && iban_right(&by(Kind::Iban, &iban)));
        let email = by(Kind::Email, &format!("{name}@{name}.org"));
        proptest::prop_assert_eq!(email.matches('@').count(), 1);
        proptest::prop_assert_eq!(by(Kind::Prose, &name).len(), name.len());
    }

    #[test]
    fn uuids_keep_version_and_variant(number: u128) {
        let hex = format!("{number:032x}");
        let uuid = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        let masked = by(Kind::Uuid, &uuid);
        proptest::prop_assert_eq!(masked.as_bytes()[14], uuid.as_bytes()[14]);
        proptest::prop_assert_eq!(masked.len(), 36);
        let variant = |c: u8| u8::from_str_radix(std::str::from_utf8(&[c]).unwrap(), 16).unwrap() >> 2;
        proptest::prop_assert_eq!(variant(masked.as_bytes()[19]), variant(uuid.as_bytes()[19]));
    }

    #[test]
    fn amounts_keep_sign_digits_and_bounds(number in -1_000_000i64..1_000_000) {
        let spec = Spec { bounds: (Some(-500_000.0), Some(900_000.0)), ..Spec::of(Kind::Number) };
        let masked: i64 = mask(&spec, &number.to_string()).parse().unwrap();
        proptest::prop_assert!((-500_000..=900_000).contains(&masked));
        proptest::prop_assert!(number.signum() * masked.signum() >= 0);
    }

    /// Whatever a column holds, a mask answers or refuses.
    #[test]
    fn no_value_makes_a_mask_panic(value in ".{0,60}", subject in ".{0,9}") {
        let key = Key::from_text("a key for tests only").expect("key");
        let masks = Masks { key: &key, locale: Locale::Fr };
        for kind in Kind::ALL {
            let mut spec = Spec::of(*kind);
            spec.value = Some("x".into());
            spec.of = Some(Box::new(Spec::of(Kind::Text)));
            spec.rest = Some(Box::new(Spec::of(Kind::Text)));
            if let Ok(mask) = masks.make(&spec) {
                let _ = mask.mask(&value, &Beside { subject: Some(&subject), witness: None }, &mut String::new());
            }
        }
    }
}

proptest::proptest! {
    /// Values that are permuted side by side become what each becomes by itself.
    #[test]
    fn side_by_side_is_as_one_by_one(
        values in proptest::collection::vec(
            "\\PC{0,20}|[a-zA-Z0-9 .-]{0,90}|[a-z]{1,9}[.][a-z0-9]{1,12}@[a-z]{1,9}[0-9]{0,3}[.](com|de|TEST)|[+0]{0,2}[0-9 /-]{1,40}|-?[0-9]{1,40}|4[0-9]{15}",
            1..12,
        ),
    ) {
        let key = Key::from_text("a key for tests only").expect("key");
        let masks = Masks { key: &key, locale: Locale::De };
        let kinds = [Kind::Id, Kind::Email, Kind::Phone, Kind::Card, Kind::Text, Kind::Name];
        for (kind, max) in kinds.map(|kind| (kind, None)).into_iter().chain([(Kind::Email, Some(20))]) {
            let mask = masks.make(&Spec { max, ..Spec::of(kind) }).expect("mask");
            let one = |value: &String| {
                let mut out = String::new();
                mask.mask(value, &Beside::default(), &mut out).map(|()| out)
            };
            // A value that is refused refuses all.
            let values: Vec<&String> = values.iter().filter(|value| one(value).is_ok()).collect();
            let all: Vec<Option<&str>> =
                values.iter().flat_map(|text| [Some(text.as_str()), None]).collect();
            let mut made = Texts::default();
            mask.mask_all(&all, &Besides::default(), &mut made).expect("masked");
            for (nth, value) in values.iter().enumerate() {
                let alone = one(value).expect("masked");
                proptest::prop_assert_eq!(made.nth(2 * nth), alone, "{:?} of {:?}", kind, value);
                proptest::prop_assert_eq!(made.nth(2 * nth + 1), "", "a null");
            }
            proptest::prop_assert_eq!(made.count(), all.len());
        }
    }
}
