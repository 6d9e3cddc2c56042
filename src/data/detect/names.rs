//! What a column's name says of its values, in English, German, French and Spanish.

use crate::data::mask::Kind;

/// Words of a name: `homePhone_no` is `home`, `phone`, `no`.
pub(crate) fn tokens(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    for c in name.chars() {
        let hump = c.is_uppercase() && before.is_lowercase();
        if (hump || !c.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Words that say it, one next to the other; the first that fits wins.
#[rustfmt::skip]
const NAMES: &[(&[&str], Kind)] = &[
    (&["email"], Kind::Email), (&["e", "mail"], Kind::Email), (&["mail"], Kind::Email), (&["correo"], Kind::Email), (&["courriel"], Kind::Email),
    (&["iban"], Kind::Iban), (&["bank", "account"], Kind::Iban), (&["kontonummer"], Kind::Iban),
    (&["card", "number"], Kind::Card), (&["creditcard"], Kind::Card), (&["credit", "card"], Kind::Card), (&["pan"], Kind::Card), (&["cc", "number"], Kind::Card),
    (&["phone"], Kind::Phone), (&["mobile"], Kind::Phone), (&["telephone"], Kind::Phone), (&["tel"], Kind::Phone), (&["fax"], Kind::Phone), (&["telefon"], Kind::Phone), (&["handy"], Kind::Phone), (&["msisdn"], Kind::Phone), (&["telefono"], Kind::Phone),
    (&["ssn"], Kind::Token), (&["social", "security"], Kind::Token), (&["national", "id"], Kind::Token), (&["passport"], Kind::Token), (&["tax", "id"], Kind::Token), (&["steuer", "id"], Kind::Token), (&["steuernummer"], Kind::Token), (&["personalausweis"], Kind::Token), (&["dni"], Kind::Token), (&["nif"], Kind::Token), (&["nhs"], Kind::Token), (&["mrn"], Kind::Token), (&["license", "number"], Kind::Token), (&["vat"], Kind::Token), (&["insurance", "number"], Kind::Token), (&["versichertennummer"], Kind::Token),
    (&["password"], Kind::Token), (&["passwd"], Kind::Token), (&["pwd"], Kind::Token), (&["secret"], Kind::Token), (&["token"], Kind::Token), (&["api", "key"], Kind::Token), (&["apikey"], Kind::Token), (&["private", "key"], Kind::Token), (&["hash"], Kind::Token), (&["salt"], Kind::Token), (&["otp"], Kind::Token), (&["pin"], Kind::Token), (&["signature"], Kind::Token), (&["cookie"], Kind::Token), (&["session"], Kind::Token),
    (&["first", "name"], Kind::FirstName), (&["firstname"], Kind::FirstName), (&["given", "name"], Kind::FirstName), (&["forename"], Kind::FirstName), (&["vorname"], Kind::FirstName), (&["prenom"], Kind::FirstName), (&["nombre"], Kind::FirstName), (&["middle", "name"], Kind::FirstName),
    (&["last", "name"], Kind::LastName), (&["lastname"], Kind::LastName), (&["surname"], Kind::LastName), (&["family", "name"], Kind::LastName), (&["nachname"], Kind::LastName), (&["maiden", "name"], Kind::LastName), (&["apellido"], Kind::LastName), (&["apellidos"], Kind::LastName),
    (&["company"], Kind::Company), (&["employer"], Kind::Company), (&["organisation"], Kind::Company), (&["organization"], Kind::Company), (&["firma"], Kind::Company),
    (&["user", "name"], Kind::Text), (&["username"], Kind::Text), (&["login"], Kind::Text), (&["nickname"], Kind::Text), (&["handle"], Kind::Text),
    (&["full", "name"], Kind::Name), (&["fullname"], Kind::Name), (&["display", "name"], Kind::Name), (&["contact", "name"], Kind::Name), (&["patient", "name"], Kind::Name), (&["customer", "name"], Kind::Name), (&["account", "holder"], Kind::Name), (&["holder"], Kind::Name), (&["author"], Kind::Name), (&["doctor"], Kind::Name),
    (&["street"], Kind::Street), (&["strasse"], Kind::Street), (&["straße"], Kind::Street), (&["calle"], Kind::Street), (&["address", "line"], Kind::Street), (&["address1"], Kind::Street), (&["address2"], Kind::Street),
    (&["ip", "address"], Kind::Text), (&["mac", "address"], Kind::Hex), (&["address"], Kind::Address), (&["adresse"], Kind::Address), (&["anschrift"], Kind::Address), (&["direccion"], Kind::Address),
    (&["city"], Kind::City), (&["town"], Kind::City), (&["ort"], Kind::City), (&["wohnort"], Kind::City), (&["ville"], Kind::City), (&["ciudad"], Kind::City),
    (&["zip"], Kind::Text), (&["postcode"], Kind::Text), (&["postal", "code"], Kind::Text), (&["plz"], Kind::Text),
    (&["lat"], Kind::Geo), (&["latitude"], Kind::Geo), (&["lng"], Kind::Geo), (&["lon"], Kind::Geo), (&["long"], Kind::Geo), (&["longitude"], Kind::Geo),
    (&["url"], Kind::Url), (&["website"], Kind::Url), (&["homepage"], Kind::Url), (&["avatar"], Kind::Url), (&["photo"], Kind::Url),
    (&["note"], Kind::Prose), (&["notes"], Kind::Prose), (&["comment"], Kind::Prose), (&["comments"], Kind::Prose), (&["description"], Kind::Prose), (&["message"], Kind::Prose), (&["body"], Kind::Prose), (&["text"], Kind::Prose), (&["bio"], Kind::Prose), (&["remark"], Kind::Prose), (&["bemerkung"], Kind::Prose), (&["notiz"], Kind::Prose), (&["content"], Kind::Prose), (&["subject"], Kind::Prose), (&["feedback"], Kind::Prose), (&["anamnesis"], Kind::Prose),
    (&["diagnosis"], Kind::Prose), (&["diagnose"], Kind::Prose), (&["symptoms"], Kind::Prose), (&["medication"], Kind::Prose), (&["allergies"], Kind::Prose), (&["treatment"], Kind::Prose), (&["therapy"], Kind::Prose), (&["prescription"], Kind::Prose),
    (&["name"], Kind::Name),
];

/// The mask that a column's name asks for.
pub(crate) fn by_name(name: &str) -> Option<(Kind, String)> {
    let words = tokens(name);
    let fits = |wanted: &&(&[&str], Kind)| {
        words.windows(wanted.0.len()).any(|w| w.iter().zip(wanted.0).all(|(a, b)| a == b))
    };
    let joined = words.concat();
    let found = NAMES.iter().find(fits).or_else(|| {
        // `customeremail` has no words.
        NAMES.iter().find(|(w, _)| w.len() == 1 && w[0].len() >= 5 && joined.ends_with(w[0]))
    });
    found.map(|(words, kind)| (*kind, format!("named `{}`", words.join(" "))))
}

/// Words for persons.
#[rustfmt::skip]
const PERSONS: &[&str] = &["user", "person", "people", "customer", "patient", "employee", "contact", "member", "client", "doctor", "staff", "author", "guest", "student", "teacher", "driver", "applicant", "candidate", "kunde", "kunden", "patienten", "mitarbeiter", "usuario", "cliente"];

/// Whether a table's name says that its rows are persons.
pub(crate) fn of_persons(table: &str) -> bool {
    tokens(table)
        .iter()
        .any(|t| PERSONS.contains(&t.trim_end_matches('s')) || PERSONS.contains(&t.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_in_the_ways_people_write_them() {
        let kind = |name: &str| by_name(name).map(|(kind, _)| kind);
        assert_eq!(tokens("homePhone_no"), ["home", "phone", "no"]);
        assert_eq!(kind("customerEmail"), Some(Kind::Email));
        assert_eq!(kind("E-Mail"), Some(Kind::Email));
        assert_eq!(kind("billing_first_name"), Some(Kind::FirstName));
        assert_eq!(kind("vorname"), Some(Kind::FirstName));
        assert_eq!(kind("password_hash"), Some(Kind::Token));
        assert_eq!(kind("contactemail"), Some(Kind::Email));
        assert_eq!(kind("quantity"), None);
        assert_eq!(kind("capacity"), None);
    }
}
