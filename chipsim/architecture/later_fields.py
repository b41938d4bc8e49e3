"""`LaterFields`: a section that has grown; files that do not use its newer fields keep their hash."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import SerializerFunctionWrapHandler, model_serializer

from chipsim.architecture.section import Section


class LaterFields(Section):
    """A section whose newer fields are left out of its contents while they have their defaults.

    Attributes
    ----------
    later_fields : frozenset of str
        Names of fields that the section did not always have.
    """

    later_fields: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        contents: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        unused = {name for name in self.later_fields if getattr(self, name) == fields[name].default}
        return {name: value for name, value in contents.items() if name not in unused}
