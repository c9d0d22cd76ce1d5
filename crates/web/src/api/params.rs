//! The query of a request, read strictly: a parameter that is unknown, malformed or given twice is told, not ignored.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use base::limit::{PAGE_DEFAULT, PAGE_MAX};
use http::request::Parts;
use stix::quote::quoted;

use crate::{App, Problem};

/// Longest query looked at, in parameters.
const PARAMS_MAX: usize = 1_000;

/// The parameters of a request's query, taken out one by one; what is left over is a mistake.
#[derive(Debug)]
pub(crate) struct Params(Vec<(String, String)>);

impl FromRequestParts<App> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        Self::read(parts.uri.query().unwrap_or_default())
    }
}

impl Params {
    fn read(query: &str) -> Result<Self, Problem> {
        let mut pairs = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if pairs.len() >= PARAMS_MAX {
                return Err(malformed("query", format!("a query has at most {PARAMS_MAX} parameters")));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    #[cfg(test)]
    pub(crate) fn of_query(query: &str) -> Self {
        Self::read(query).unwrap()
    }

    /// Takes the only value of a parameter.
    pub(crate) fn one(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let mut values = self.many(name);
        match values.len() {
            0 => Ok(None),
            1 => Ok(values.pop()),
            _ => Err(malformed(name, format!("{name} is given more than once"))),
        }
    }

    /// Takes the only value of a parameter that must be there.
    pub(crate) fn required(&mut self, name: &'static str) -> Result<String, Problem> {
        self.one(name)?.ok_or_else(|| malformed(name, format!("{name} is missing")))
    }

    /// Takes the only value of a parameter, read as what it stands for.
    pub(crate) fn parsed<T: FromStr>(
        &mut self,
        name: &'static str,
        what: &str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        let parsed = text.parse().map(Some);
        parsed.map_err(|_| malformed(name, format!("{name} is {}, which is not {what}", quoted(&text))))
    }

    /// Takes every value of a parameter that may be given several times.
    pub(crate) fn many(&mut self, name: &str) -> Vec<String> {
        let mut values = Vec::new();
        self.0.retain_mut(|(key, value)| {
            if key == name {
                values.push(std::mem::take(value));
            }
            key != name
        });
        values
    }

    /// Takes `limit`, held within what a page may have.
    pub(crate) fn limit(&mut self) -> Result<usize, Problem> {
        let limit: Option<usize> = self.parsed("limit", "a number")?;
        match limit {
            None => Ok(PAGE_DEFAULT),
            Some(0) => Err(malformed("limit", "limit is at least 1".to_owned())),
            Some(limit) => Ok(limit.min(PAGE_MAX)),
        }
    }

    /// Ends reading: whatever has not been taken out is not known here.
    pub(crate) fn end(self) -> Result<(), Problem> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => {
                Err(malformed("query", format!("there is no parameter {} here", quoted(&name))))
            }
        }
    }
}

fn malformed(name: &'static str, detail: String) -> Problem {
    Problem::bad_request("query-malformed", detail).at(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken_out_and_the_rest_is_told() {
        let mut params = Params::read("limit=5&type=a&type=b&x=%D1%8B+1").unwrap();
        assert_eq!(params.limit().unwrap(), 5);
        assert_eq!(params.many("type"), ["a", "b"]);
        assert_eq!(params.required("x").unwrap(), "ы 1");
        assert!(params.end().is_ok());
        assert!(Params::read("nonsense=1").unwrap().end().is_err());
    }

    #[test]
    fn malformed_values_are_refused() {
        for query in ["limit=0", "limit=-1", "limit=many", "limit=1&limit=2", "limit="] {
            assert!(Params::read(query).unwrap().limit().is_err(), "{query}");
        }
        assert_eq!(Params::read("limit=1000000000").unwrap().limit().unwrap(), PAGE_MAX);
        assert!(Params::read("").unwrap().required("q").is_err());
    }
}
