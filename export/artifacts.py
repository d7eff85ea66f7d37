"""The names of what export writes into a run, and the keys that its documents have at the least."""

from __future__ import annotations

from pipeline.core import runs

EXPORT = "export"
PASSPORT = "passport.json"
PARITY = "parity.json"
SIMULATED = "simulated.json"
PHOTOS = "photos.json"
EXPLANATIONS = "explanations"
EXPLAINED = "explain.json"
APK = "demo.apk"
APK_PASSPORT = "apk.json"
PHONE = "phone.json"
PHONE_SESSIONS = ".phone_sessions.json"
REPORT = "report.html"
REPORT_JSON = "report.json"
MODEL_CARD = "model_card.md"
NOTES = "notes.md"  # the user's own

runs.FORMS.update(
    {
        PASSPORT: frozenset(("passports",)),
        EXPLAINED: frozenset(("model", "n", "pictures", "mistakes", "classes", "alarms")),
    }
)
