"""The one route that changes a model: what the user says of it himself, and never blindly.

It is a short write, so it is answered at once and is no job.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from modelmgr.api import requests, shapes
from modelmgr.api.answers import Blind, Invalid, Stale, json_answer, no_model, shaped
from modelmgr.api.openapi import add_route
from modelmgr.api.parameters import Sha256
from modelmgr.library import Library
from modelmgr.values import Door, light_json

Ask = Callable[[Callable[[], Any]], Awaitable[Any]]

_TAGS = re.compile(r'(?:\A|,)[ \t]*(W/)?"([^"]*)"[ \t]*(?=,|\Z)')


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a request asks to be changed, and of which state of the model it speaks."""

    sha256: str
    states: frozenset[str]
    body: requests.EditRequest


class Edits:
    """The route that edits.

    Args:
        library: it is done in this one.
        ask: answers in a worker.
        router: gets the route.
    """

    def __init__(self, library: Library, ask: Ask, router: APIRouter) -> None:
        self._library = library
        self._catalog = library.catalog
        self._ask = ask
        add_route(
            router,
            "library",
            "PATCH",
            "/api/models/{sha256}",
            self.edit,
            shapes.ModelEdited,
            *(404, 408, 411, 412, 413, 415, 428, 507),
            body=requests.EditRequest,
        )

    async def edit(self, request: Request, sha256: Sha256) -> Response:
        """Set, reset or extend what the user says of one model himself; no scan, import or refresh overwrites it.

        `If-Match` names the state that the client has seen, so that nothing is overwritten blindly.
        """
        states = _states(", ".join(request.headers.getlist("if-match")))
        data = await request.body()
        body = await self._ask(partial(shaped, data, requests.EditRequest))
        answer: Response = await self._ask(partial(self._edit, _Wish(sha256.lower(), states, body)))
        return answer

    def _edit(self, wish: _Wish) -> Response:
        body = wish.body
        changes: dict[str, Any] = {
            column: getattr(body.set, column) for column in sorted(body.set.model_fields_set)
        }
        if doubled := changes.keys() & set(body.reset):
            raise Invalid(f"{min(doubled)} can't be both set and reset.", column=min(doubled))
        changes |= dict.fromkeys(body.reset)
        lists = (body.add_tags, body.remove_tags, body.add_trigger_words, body.remove_trigger_words)
        if not changes and not any(lists):
            raise Invalid("Nothing is to be changed; give set, reset or a list.", code="missing_key")
        with self._catalog.transaction():
            state = self._catalog.model_state(wish.sha256)
            if state is None:
                raise no_model(wish.sha256)
            if state not in wish.states:
                raise Stale("The model has changed since; ask for it again.", sha256=wish.sha256)
            model_id = self._catalog.ids_of([wish.sha256])[wish.sha256]
            report = self._library.edit_models(
                [model_id],
                changes,
                add_tags=body.add_tags,
                remove_tags=body.remove_tags,
                add_trigger_words=body.add_trigger_words,
                remove_trigger_words=body.remove_trigger_words,
                note=body.note,
                door=Door.API,
            )
            (row,) = self._catalog.rows([model_id])
            document = {
                **light_json(row),
                "edited": sorted(self._catalog.user_values(model_id)),
                "group": report.group,
            }
            state = self._catalog.model_state(wish.sha256)
        return json_answer(document, {"ETag": f'"{self._catalog.version()}.{state}"'})


def _states(said: str) -> frozenset[str]:
    """Return the states of a model that an ``If-Match`` names.

    What stands before the last dot of an ETag is the catalog's affair, which says nothing of one model. Weak tags match
    nothing (RFC 9110, 13.1.1).

    Raises:
        Blind: it is missing, or takes any state.
    """
    if said.strip() in ("", "*"):
        raise Blind("If-Match must name the ETag of the model as the client has seen it.")
    return frozenset(tag.rpartition(".")[2] for weak, tag in _TAGS.findall(said) if not weak and "." in tag)
