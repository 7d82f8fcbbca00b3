use crate::json;

/// What a filter says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    patch: Option<String>,
    refusal: Option<(String, String)>,
    redirect: Option<String>,
    stop: bool,
}

impl Answer {
    /// Lets it happen as it is.
    pub fn pass() -> Answer {
        Answer::default()
    }

    /// Lets it happen with a change: a merge patch (RFC 7396) of the data, in JSON. See
    /// [`json::object`].
    pub fn change(patch: impl Into<String>) -> Answer {
        Answer { patch: Some(patch.into()), ..Answer::default() }
    }

    /// Does not let it happen. The code is for programs, the message is shown to people.
    pub fn refuse(code: impl Into<String>, message: impl Into<String>) -> Answer {
        Answer { refusal: Some((code.into(), message.into())), ..Answer::default() }
    }

    /// Lets no further extension be asked.
    pub fn stop(mut self) -> Answer {
        self.stop = true;
        self
    }

    /// Sends whoever is refused to another page of the tenant.
    pub fn redirect(mut self, to: impl Into<String>) -> Answer {
        self.redirect = Some(to.into());
        self
    }

    pub(crate) fn json(&self) -> String {
        json::object(|o| {
            if let Some(patch) = &self.patch {
                o.raw("patch", patch);
            }
            if self.stop {
                o.add("stop", true);
            }
            let Some((code, message)) = &self.refusal else { return };
            o.object("refuse", |o| {
                o.add("code", code);
                o.add("message", message);
                if let Some(to) = &self.redirect {
                    o.object("effect", |o| {
                        o.add("kind", "redirect");
                        o.add("redirect", to);
                    });
                }
            });
        })
    }
}
