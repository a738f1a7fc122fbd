//! The functions of `esker.h`, as a list: what the tests that must miss no export count against.

/// One function of the header.
#[derive(Debug)]
pub struct Prototype {
    pub name: String,
    pub returns: String,
    pub parameters: Vec<Parameter>,
    /// The comment above it.
    pub doc: String,
}

/// One parameter: `kind` is its type without its name, as in `const esker_db *`.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    pub kind: String,
    pub name: String,
}

impl Prototype {
    /// Whether its object is a family, or it makes or ends one; for all others a family is where they work.
    pub fn is_about_a_family(&self) -> bool {
        self.name.starts_with("esker_cf_")
    }

    /// What the comment says of a parameter, over all its lines.
    pub fn description(&self, parameter: &str) -> Option<String> {
        let mut found: Option<String> = None;
        let mut inside = false;
        for line in self.doc.lines().map(|line| line.trim_start_matches([' ', '*'])) {
            let text = match line.strip_prefix("@param[") {
                // "@param[in]  key, key_len  what they are": two spaces end the names.
                Some(rest) => {
                    let rest = rest.split_once(']')?.1.trim_start();
                    let (names, text) = rest.split_once("  ").unwrap_or((rest, ""));
                    inside = names.split(", ").any(|name| name == parameter);
                    text
                }
                None if line.is_empty() || line.starts_with('@') => {
                    inside = false;
                    ""
                }
                None => line,
            };
            if inside {
                found.get_or_insert_default().push_str(text);
            }
        }
        found
    }
}

impl Parameter {
    pub fn is_pointer(&self) -> bool {
        self.kind.ends_with('*') || self.kind.ends_with("_fn")
    }
}

/// The functions declared in `header`, in its order.
pub fn parse(header: &str) -> Vec<Prototype> {
    let declarations = header.split("\n\n").filter_map(|paragraph| {
        let (doc, code) = paragraph.split_once("*/\n")?;
        let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
        let (head, rest) = code.split_once('(')?;
        let is_function = rest.ends_with(");") && !code.starts_with('#') && !code.starts_with("typedef");
        is_function.then(|| (doc.to_owned(), head.to_owned(), rest.trim_end_matches(");").to_owned()))
    });
    declarations.map(|(doc, head, parameters)| prototype(doc, &head, &parameters)).collect()
}

fn prototype(doc: String, head: &str, parameters: &str) -> Prototype {
    let (returns, name) = split_name(head);
    let parameters = parameters.split(',').map(str::trim).filter(|p| *p != "void" && !p.is_empty());
    let parameters = parameters.map(|parameter| {
        let (kind, name) = split_name(parameter);
        Parameter { kind, name }
    });
    Prototype { name, returns, parameters: parameters.collect(), doc }
}

/// "const esker_db *db" is "const esker_db *" and "db".
fn split_name(text: &str) -> (String, String) {
    let start = text.rfind([' ', '*']).map_or(0, |at| at + 1);
    (text[..start].trim().to_owned(), text[start..].to_owned())
}

#[test]
fn a_declaration_over_several_lines_is_understood() {
    let header = "/**\n * Doc.\n */\nesker_status esker_x(const uint8_t *const *keys,\n    size_t n);\n\n/** C. */\n#define A (1)\n";
    let [x] = &parse(header)[..] else { panic!("one function") };
    assert_eq!((x.name.as_str(), x.returns.as_str()), ("esker_x", "esker_status"));
    assert_eq!(x.parameters[0], Parameter { kind: "const uint8_t *const *".into(), name: "keys".into() });
    assert_eq!(x.parameters[1].name, "n");
}
