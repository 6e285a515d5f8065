"""The models of a server: the one it was started with, and the shipped ones, loaded when used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock

from livefer.classifier import EmotionClassifier


class Models:
    """The models that clients may choose, by name; for any thread.

    default: the name of the first one
    names: all names, the default first
    """

    def __init__(
        self,
        first: EmotionClassifier,
        others: Mapping[str, Callable[[], EmotionClassifier]] | None = None,
    ) -> None:
        """Hold a loaded model, and what loads the others; one of the first one's name is not used.

        others: functions that load a model, by its name
        """
        self.default = first.name
        self._loaded = {first.name: first}
        self._loaders = {name: load for name, load in (others or {}).items() if name != first.name}
        self.names = (first.name, *self._loaders)
        self._loading = Lock()

    def get(self, name: str) -> EmotionClassifier:
        """Return one of the models, which is loaded if it was not used before; or ModelError."""
        if name not in self._loaded:
            with self._loading:
                if name not in self._loaded:
                    self._loaded[name] = self._loaders[name]()
        return self._loaded[name]

    def look_at(self, name: str) -> EmotionClassifier:
        """Return one of the models; one that was not used before is loaded, and not kept."""
        return self._loaded[name] if name in self._loaded else self._loaders[name]()
