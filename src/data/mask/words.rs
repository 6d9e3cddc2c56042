//! Words to make names of, by locale. The lists are our own; last names, places and firms are put
//! together from syllables, so that they sound right and hardly ever name somebody.

use crate::data::dice::Dice;

/// Where names sound as if they came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locale {
    En,
    De,
    Fr,
    Es,
}

impl Locale {
    /// `de`, `de_DE`, `de-AT`.
    pub(crate) fn named(name: &str) -> Option<Locale> {
        match name.get(..2)?.to_ascii_lowercase().as_str() {
            "en" => Some(Locale::En),
            "de" => Some(Locale::De),
            "fr" => Some(Locale::Fr),
            "es" => Some(Locale::Es),
            _ => None,
        }
    }
}

struct Lists {
    first: &'static [&'static str],
    name_heads: &'static [&'static str],
    name_tails: &'static [&'static str],
    street_tails: &'static [&'static str],
    town_tails: &'static [&'static str],
    firm_tails: &'static [&'static str],
    /// `Alder Street 5` or `5 Alder Street`.
    number_first: bool,
}

#[rustfmt::skip]
const EN: Lists = Lists {
    first: &["Ada", "Alma", "Amber", "Archie", "Aubrey", "Basil", "Bea", "Blythe", "Bram", "Calla", "Cedric", "Clem", "Cora", "Dale", "Della", "Dora", "Edith", "Elwin", "Enid", "Esme", "Ezra", "Fern", "Flora", "Gale", "Gideon", "Gwen", "Hale", "Hattie", "Hugo", "Ida", "Ivor", "Ivy", "Jasper", "June", "Keir", "Kit", "Lena", "Linus", "Lorna", "Lyle", "Mabel", "Merle", "Milo", "Nell", "Noel", "Olive", "Orin", "Otis", "Pearl", "Percy", "Quinn", "Rhea", "Roland", "Rowan", "Sage", "Selma", "Silas", "Thea", "Tobias", "Una", "Vera", "Wade", "Wren", "Yara"],
    name_heads: &["Alder", "Amber", "Ash", "Birch", "Bram", "Brock", "Cald", "Clover", "Copper", "Dell", "Drift", "Elder", "Fallow", "Fern", "Flint", "Garn", "Glen", "Hawk", "Hazel", "Heather", "Holm", "Kettle", "Lark", "Linden", "Marl", "Mill", "Moss", "Oaken", "Pember", "Quill", "Raven", "Reed", "Rook", "Rush", "Sedge", "Sorrel", "Stone", "Tarn", "Thistle", "Wither"],
    name_tails: &["beck", "brook", "bourne", "by", "combe", "croft", "dale", "den", "fell", "field", "ford", "garth", "gill", "holt", "hurst", "ley", "low", "mere", "mond", "more", "ridge", "shaw", "stead", "ston", "stow", "thorne", "thwaite", "ward", "well", "wick", "with", "worth"],
    street_tails: &[" Street", " Road", " Lane", " Avenue", " Close", " Way"],
    town_tails: &["ton", "bury", "haven", "mouth", "ford", "bridge"],
    firm_tails: &[" Ltd", " Group", " & Partners", " Works", " Trading"],
    number_first: true,
};

#[rustfmt::skip]
const DE: Lists = Lists {
    first: &["Ada", "Alma", "Anselm", "Arnd", "Auguste", "Benno", "Berta", "Bruno", "Cora", "Dagmar", "Detlef", "Edda", "Egon", "Elke", "Emil", "Enno", "Erna", "Falk", "Frauke", "Fridolin", "Gerda", "Gesa", "Gregor", "Hanno", "Hauke", "Hedda", "Heike", "Ida", "Ilse", "Ingo", "Irma", "Jette", "Jost", "Karla", "Knut", "Konrad", "Lasse", "Lotte", "Ludwig", "Magda", "Malte", "Merle", "Nele", "Norbert", "Oda", "Olaf", "Paula", "Raimund", "Rike", "Rolf", "Ruth", "Silke", "Sören", "Swantje", "Thea", "Theo", "Till", "Udo", "Ulla", "Veit", "Vera", "Wanda", "Wiebke", "Wolf"],
    name_heads: &["Ahorn", "Amsel", "Auen", "Birken", "Brunn", "Buchen", "Dachs", "Dorn", "Eber", "Eichel", "Elster", "Erlen", "Falken", "Feder", "Fichten", "Finken", "Ginster", "Habicht", "Hasel", "Heide", "Hirsch", "Holler", "Kiefern", "Kranich", "Lerchen", "Linden", "Luchs", "Marder", "Moos", "Nebel", "Otter", "Pappel", "Quellen", "Raben", "Reiher", "Rohr", "Schilf", "Tannen", "Ulmen", "Wacholder"],
    name_tails: &["acker", "bach", "berg", "born", "brand", "bruch", "brück", "busch", "dorf", "eck", "egger", "feld", "fels", "furth", "garten", "grund", "hagen", "halm", "heim", "hof", "horst", "kamp", "lage", "leitner", "loh", "mann", "ried", "rode", "stein", "thal", "wald", "winkel"],
    street_tails: &["straße", "weg", "gasse", "allee", "ring", "platz"],
    town_tails: &["stadt", "hausen", "ingen", "burg", "see", "au"],
    firm_tails: &[" GmbH", " AG", " & Söhne", " Handel", " Werke"],
    number_first: false,
};

#[rustfmt::skip]
const FR: Lists = Lists {
    first: &["Adèle", "Aimé", "Alix", "Ambre", "Anatole", "Basile", "Blanche", "Camille", "Céleste", "Clovis", "Colette", "Denis", "Édith", "Éloi", "Estelle", "Fabien", "Félix", "Flore", "Gaspard", "Gisèle", "Honoré", "Inès", "Irène", "Jules", "Léonie", "Lucien", "Maëlle", "Marius", "Noémie", "Octave", "Odette", "Pascal", "Rémi", "Rosalie", "Sabine", "Solène", "Sylvain", "Théo", "Valère", "Zoé"],
    name_heads: &["Beau", "Belle", "Bois", "Brune", "Clair", "Des", "Font", "Grand", "Haute", "Lau", "Mar", "Mont", "Neuve", "Pont", "Roche", "Saule", "Vau", "Verne", "Vieux", "Ville"],
    name_tails: &["bert", "champ", "court", "dier", "fort", "frène", "lande", "lier", "mare", "mont", "neuil", "pré", "rand", "rive", "roux", "son", "teau", "val", "vert", "vigne"],
    street_tails: &[" (rue)", " (avenue)", " (place)", " (chemin)"],
    town_tails: &["ville", "-sur-Onde", "bourg", "-les-Bains"],
    firm_tails: &[" SARL", " SA", " & Fils", " Services"],
    number_first: true,
};

#[rustfmt::skip]
const ES: Lists = Lists {
    first: &["Abril", "Adela", "Alba", "Amaro", "Aurora", "Basilio", "Berta", "Bruno", "Candela", "Ciro", "Clara", "Delia", "Elías", "Elisa", "Emilio", "Fabián", "Flora", "Gala", "Gonzalo", "Héctor", "Inés", "Iván", "Jimena", "Julián", "Leandro", "Lola", "Lucio", "Marina", "Mateo", "Nadia", "Nuria", "Olga", "Óscar", "Paloma", "Ramiro", "Rocío", "Saúl", "Silvia", "Tomás", "Vera"],
    name_heads: &["Al", "Arro", "Bar", "Cam", "Car", "Casa", "Cor", "Es", "Fuen", "Gal", "Lar", "Mon", "Olmo", "Peña", "Quin", "Ribe", "Sal", "Torre", "Val", "Ver"],
    name_tails: &["aldo", "barra", "bravo", "cedo", "dera", "doval", "duero", "fría", "gares", "landa", "mares", "mena", "nales", "quero", "redo", "rosa", "tanar", "veda", "verde", "zuela"],
    street_tails: &[" (calle)", " (avenida)", " (plaza)", " (paseo)"],
    town_tails: &["villa", " del Mar", " de la Sierra", "burgo"],
    firm_tails: &[" SL", " SA", " e Hijos", " Servicios"],
    number_first: false,
};

const SYLLABLES: &[&str] = &[
    "ba", "be", "bo", "da", "de", "do", "fa", "fi", "ga", "go", "ka", "ke", "ko", "la", "le", "li",
    "lo", "ma", "me", "mi", "mo", "na", "ne", "no", "pa", "pe", "po", "ra", "re", "ri", "ro", "sa",
    "se", "si", "so", "ta", "te", "ti", "to", "va", "ve", "vi", "wa", "we", "za", "ze",
];

/// Draws words, the same ones for the same seed.
pub(crate) struct Words {
    lists: &'static Lists,
    dice: Dice,
}

impl Words {
    /// The words of one value.
    pub(crate) fn of(locale: Locale, seed: u64) -> Words {
        let lists = match locale {
            Locale::En => &EN,
            Locale::De => &DE,
            Locale::Fr => &FR,
            Locale::Es => &ES,
        };
        Words { lists, dice: Dice::of(seed) }
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.dice.index(n)
    }

    fn one(&mut self, list: &'static [&'static str]) -> &'static str {
        list[self.below(list.len())]
    }

    /// A first name.
    pub(crate) fn first_name(&mut self) -> &'static str {
        self.one(self.lists.first)
    }

    /// A last name.
    pub(crate) fn last_name(&mut self) -> String {
        let mut name = String::new();
        self.put_last_name(&mut name);
        name
    }

    /// Appends a last name.
    pub(crate) fn put_last_name(&mut self, out: &mut String) {
        out.push_str(self.one(self.lists.name_heads));
        out.push_str(self.one(self.lists.name_tails));
    }

    /// A firm.
    pub(crate) fn company(&mut self) -> String {
        let name = self.last_name();
        format!("{name}{}", self.one(self.lists.firm_tails))
    }

    /// A street with a number.
    pub(crate) fn street(&mut self) -> String {
        let head = self.one(self.lists.name_heads);
        let tail = self.one(self.lists.street_tails);
        let number = self.below(180) + 1;
        match self.lists.number_first {
            true => format!("{number} {head}{tail}"),
            false => format!("{head}{tail} {number}"),
        }
    }

    /// A town.
    pub(crate) fn city(&mut self) -> String {
        let head = self.one(self.lists.name_heads);
        format!("{head}{}", self.one(self.lists.town_tails))
    }

    /// Street, postcode and town.
    pub(crate) fn address(&mut self) -> String {
        let street = self.street();
        let postcode = self.below(90_000) + 10_000;
        format!("{street}, {postcode} {}", self.city())
    }

    /// Sentences of exactly `length` characters.
    pub(crate) fn prose(&mut self, length: usize, out: &mut String) {
        let end = out.len() + length;
        let mut capital = true;
        let mut until_stop = 6;
        while out.len() < end {
            let syllables = self.below(3) + 1;
            for _ in 0..syllables {
                let syllable = self.one(SYLLABLES);
                match capital {
                    true => out.extend(
                        syllable
                            .chars()
                            .enumerate()
                            .map(|(i, c)| if i == 0 { c.to_ascii_uppercase() } else { c }),
                    ),
                    false => out.push_str(syllable),
                }
                capital = false;
            }
            until_stop -= 1;
            if until_stop == 0 {
                out.push('.');
                (until_stop, capital) = (4 + self.below(8), true);
            }
            out.push(' ');
        }
        // ASCII all along, so that it may be cut anywhere.
        out.truncate(end);
        if out.ends_with(' ') && length > 0 {
            out.pop();
            out.push('.');
        }
    }
}
