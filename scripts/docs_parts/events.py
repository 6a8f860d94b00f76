"""The events of Socket.IO."""

from collections.abc import Sequence

from scripts.docs_parts.answers import names_of, typed
from scripts.docs_parts.markdown import code, table
from scripts.docs_parts.meanings import field_names
from server.transports.api import Action, Api
from server.transports.vocabulary import acknowledged


def actions(apis: Sequence[Api]) -> str:
    return table(
        ("event", "payload", "what comes back"),
        (
            (
                f"{code(name)}<br>{action.summary}",
                code(field_names(action.request)),
                _answered(action),
            )
            for api in apis
            for name, action in api.actions.items()
        ),
    )


def _answered(action: Action) -> str:
    ack = code(names_of(acknowledged(action)))
    return f"{ack}<br>{', '.join(map(code, action.sent))}".removesuffix("<br>")


def heard(apis: Sequence[Api]) -> str:
    rows = ((code(name), code(typed(kind))) for api in apis for name, kind in api.heard.items())
    return table(("event", "data"), rows)
