//! One TOML item into one checked value.

use std::collections::BTreeMap;
use std::time::Duration;

use toml_edit::{Item, TableLike};

use super::find::find_key;
use super::keys::Kind;
use super::policy;
use super::value::{Provider, Role, Toleration, Value};

/// Reads `item` as `kind`. `Ok(None)` means "as if it were absent" (an empty text).
///
/// The error is what it should have been, in words that follow "must be".
pub(super) fn read(kind: Kind, item: &Item) -> Result<Option<Value>, String> {
    Ok(Some(match kind {
        Kind::Text => match text(item)? {
            "" => return Ok(None),
            text => Value::Text(text.to_owned()),
        },
        Kind::Word(words) => match text(item).map_err(|_| one_of(words))? {
            "" => return Ok(None),
            text => Value::Text(word(words, text)?),
        },
        Kind::Flag => Value::Flag(item.as_bool().ok_or("true or false, without quotes")?),
        Kind::Port => match number(item)? {
            ..1 => return Ok(None),
            port @ 1..=65_535 => Value::Number(port),
            _ => return Err("a port from 1 to 65535".into()),
        },
        Kind::Number(min, max) => match number(item)? {
            number if (min..=max).contains(&number) => Value::Number(number),
            number => return Err(format!("a whole number from {min} to {max}, not {number}")),
        },
        Kind::TextOrNumber => match (item.as_integer(), item.as_str()) {
            (Some(number), _) => Value::Text(number.to_string()),
            (_, Some("")) => return Ok(None),
            (_, Some(text)) => Value::Text(text.to_owned()),
            _ => return Err("a whole number or a text".into()),
        },
        Kind::Duration => Value::Duration(duration(item)?),
        Kind::Texts => Value::Texts(texts(item)?),
        Kind::TextMap => Value::TextMap(text_map(item)?),
        Kind::Providers => Value::Providers(providers(item)?),
        Kind::Role => Value::Role(role(item)?),
        Kind::Tolerations => Value::Tolerations(tolerations(item)?),
        Kind::TextOrNone => match text(item)? {
            "" => Value::Text("none".to_owned()),
            text => Value::Text(text.to_owned()),
        },
        Kind::Words(words) => {
            let written = texts(item).map_err(|_| format!("a list of {}", one_of(words)))?;
            let known: Result<_, _> = written.iter().map(|text| word(words, text)).collect();
            Value::Texts(known.map_err(|expected| format!("a list of {expected}"))?)
        }
        Kind::RegistryCredentials => {
            let expected =
                "a list such as [{ Images = \"registry.example.com/**\", Secret = \"ci\" }]";
            Value::RegistryCredentials(tables(item, expected, policy::credential)?)
        }
        Kind::Rules => {
            let expected = "a list of tables, each written [[Policy.Rules]]";
            Value::Rules(tables(item, expected, policy::rule)?)
        }
    }))
}

/// Beyond this a duration is a slip, and beyond much more it does not fit a clock.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
    format!("one of {}", quoted.join(", "))
}

/// `text` as the table spells it.
fn word(words: &[&str], text: &str) -> Result<String, String> {
    let known = words.iter().find(|word| word.eq_ignore_ascii_case(text));
    known.map(|word| (*word).to_owned()).ok_or_else(|| format!("{}, not {text:?}", one_of(words)))
}

fn text(item: &Item) -> Result<&str, String> {
    item.as_str().ok_or_else(|| "a text in quotes".into())
}

fn number(item: &Item) -> Result<i64, String> {
    item.as_integer().ok_or_else(|| "a whole number, without quotes".into())
}

fn duration(item: &Item) -> Result<Duration, String> {
    let expected = "a duration in quotes, such as \"90s\" or \"10m\"";
    let text = item.as_str().ok_or(expected)?;
    match humantime::parse_duration(text) {
        Ok(duration) if duration > LONGEST => Err(format!("{expected}, of 30 days at most")),
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(format!("{expected}, not {text:?}")),
    }
}

fn texts(item: &Item) -> Result<Vec<String>, String> {
    let expected = "a list of texts in quotes";
    let list = item.as_array().ok_or(expected)?;
    let mut texts = Vec::new();
    for entry in list {
        match entry.as_str() {
            Some("") => return Err(format!("{expected}, none of them empty")),
            Some(text) => texts.push(text.to_owned()),
            None => return Err(expected.into()),
        }
    }
    Ok(texts)
}

fn text_map(item: &Item) -> Result<BTreeMap<String, String>, String> {
    let expected = "a table of texts in quotes, such as { team = \"build\" }";
    let table = item.as_table_like().ok_or(expected)?;
    table
        .iter()
        .map(|(name, item)| match item.as_str() {
            Some(text) => Ok((name.to_owned(), text.to_owned())),
            None => Err(format!("{expected}; {name} is not")),
        })
        .collect()
}

/// The fields of a small table, by their names in any case; another name is an error.
pub(super) fn fields<'a>(
    table: &'a dyn TableLike,
    names: &[&'static str],
) -> Result<BTreeMap<&'static str, &'a Item>, String> {
    let mut found = BTreeMap::new();
    for (name, item) in table.iter() {
        let known = find_key(names.iter().copied(), name)
            .map_err(|_| format!("a table of {}; {name} is none of them", names.join(", ")))?;
        if found.insert(known, item).is_some() {
            return Err(format!("a table with {known} once"));
        }
    }
    Ok(found)
}

/// Each table of a list of them, read by `read`.
fn tables<T>(
    item: &Item,
    expected: &str,
    read: impl Fn(&dyn TableLike) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut tables: Vec<&dyn TableLike> = Vec::new();
    if let Some(list) = item.as_array() {
        for entry in list {
            tables.push(entry.as_inline_table().ok_or(expected)?);
        }
    } else if let Some(list) = item.as_array_of_tables() {
        tables.extend(list.iter().map(|table| table as &dyn TableLike));
    } else {
        return Err(expected.into());
    }
    tables.into_iter().map(read).collect()
}

fn providers(item: &Item) -> Result<Vec<Provider>, String> {
    let expected =
        "a list such as [{ Name = \"FARGATE_SPOT\", Weight = 1 }, { Name = \"FARGATE\" }]";
    tables(item, expected, provider)
}

fn provider(table: &dyn TableLike) -> Result<Provider, String> {
    let fields = fields(table, &["Name", "Weight", "Base"])?;
    let share = |name: &str, max: i64| -> Result<Option<i32>, String> {
        let Some(item) = fields.get(name) else { return Ok(None) };
        match number(item)? {
            share if (0..=max).contains(&share) => Ok(i32::try_from(share).ok()),
            share => Err(format!("a list whose {name} is from 0 to {max}, not {share}")),
        }
    };
    Ok(Provider {
        name: required_text(&fields, "Name")?,
        // The ranges are those of ECS's CapacityProviderStrategyItem.
        weight: share("Weight", 1000)?,
        base: share("Base", 100_000)?,
    })
}

fn role(item: &Item) -> Result<Role, String> {
    let expected = "a table such as { Arn = \"arn:aws:iam::111122223333:role/ci\" }";
    let fields =
        fields(item.as_table_like().ok_or(expected)?, &["Arn", "ExternalId", "SessionName"])?;
    Ok(Role {
        arn: required_text(&fields, "Arn")?,
        external_id: optional_text(&fields, "ExternalId")?,
        session_name: optional_text(&fields, "SessionName")?,
    })
}

fn tolerations(item: &Item) -> Result<Vec<Toleration>, String> {
    let expected = "a list such as [{ Key = \"ci\", Value = \"yes\", Effect = \"NoSchedule\" }]";
    tables(item, expected, toleration)
}

/// The words are those of Kubernetes' `Toleration`. Without `Operator` it follows from `Value`.
fn toleration(table: &dyn TableLike) -> Result<Toleration, String> {
    let fields = fields(table, &["Key", "Operator", "Value", "Effect"])?;
    let chosen = |name: &str, words: &[&str]| {
        let written = optional_text(&fields, name)?;
        let known = written.map(|text| word(words, &text)).transpose();
        known.map_err(|expected| format!("a list whose {name} is {expected}"))
    };
    let value = match (
        chosen("Operator", &["Equal", "Exists"])?.as_deref(),
        optional_text(&fields, "Value")?,
    ) {
        (Some("Exists"), Some(_)) => {
            return Err("a list without Value where Operator is \"Exists\"".into());
        }
        (Some("Equal"), value) => Some(value.unwrap_or_default()),
        (_, value) => value,
    };
    Ok(Toleration {
        key: required_text(&fields, "Key")?,
        value,
        effect: chosen("Effect", &["NoSchedule", "PreferNoSchedule", "NoExecute"])?,
    })
}

pub(super) fn optional_texts(
    fields: &BTreeMap<&'static str, &Item>,
    name: &str,
) -> Result<Option<Vec<String>>, String> {
    let read =
        |item: &&Item| texts(item).map_err(|wanted| format!("a list whose {name} is {wanted}"));
    fields.get(name).map(read).transpose()
}

pub(super) fn optional_flag(
    fields: &BTreeMap<&'static str, &Item>,
    name: &str,
) -> Result<Option<bool>, String> {
    let wanted = || format!("a list whose {name} is true or false, without quotes");
    fields.get(name).map(|item| item.as_bool().ok_or_else(wanted)).transpose()
}

fn optional_text(
    fields: &BTreeMap<&'static str, &Item>,
    name: &str,
) -> Result<Option<String>, String> {
    fields.get(name).map(|item| text(item).map(str::to_owned)).transpose()
}

pub(super) fn required_text(
    fields: &BTreeMap<&'static str, &Item>,
    name: &str,
) -> Result<String, String> {
    match fields.get(name).map(|item| text(item)) {
        Some(Ok(text)) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(format!("a table whose {name} is a text in quotes")),
    }
}
