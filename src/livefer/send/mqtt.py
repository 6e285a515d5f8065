"""MQTT: results, markers and the session's start as topics of a broker."""

from __future__ import annotations

from threading import Event
from typing import Any

from livefer.errors import ConfigError, MissingExtraError
from livefer.results import FrameResult, Marker
from livefer.send.messages import SessionStart, message_of
from livefer.send.outlet import NotDelivered

PORT = 1883
_OPEN_S, _PATIENCE_S = 5.0, 1.0


class MqttSender:
    """Publishes results to TOPIC, markers to TOPIC/marker, and keeps the start at TOPIC/session.

    The broker has to answer when the session begins; later it may go and come back.
    """

    def __init__(
        self,
        name: str,
        address: tuple[str, int],
        topic: str,
        start: SessionStart,
        login: tuple[str, str | None] | None = None,
    ) -> None:
        try:
            from paho.mqtt import client as mqtt
            from paho.mqtt.enums import CallbackAPIVersion
        except ModuleNotFoundError:
            raise MissingExtraError("--send mqtt://", "send") from None
        self.name = name
        self._topic, self._start = topic, start
        self._is_answered, self._refusal = Event(), ""
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.connect_timeout = _OPEN_S
        self._client.on_connect = self._answered
        if login is not None:
            self._client.username_pw_set(*login)
        self._text_of = mqtt.error_string
        try:
            self._client.connect(*address)
        except OSError as error:
            reason = error.strerror or error
            raise ConfigError(f"{name}: no broker answers there ({reason}): start it") from None
        self._client.loop_start()
        if not self._is_answered.wait(_OPEN_S) or self._refusal:
            self.close()
            reason = self._refusal or "it says nothing"
            raise ConfigError(
                f"{name}: the broker refuses the connection ({reason}): check the address"
            )

    def send(self, result: FrameResult) -> None:
        """Publish the faces of one frame."""
        self._publish(self._topic, result)

    def mark(self, marker: Marker) -> None:
        """Publish a marker."""
        self._publish(f"{self._topic}/marker", marker)

    def close(self) -> None:
        """Leave the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def _answered(self, client: Any, data: Any, flags: Any, code: Any, properties: Any) -> None:
        """Publish the session's start at each connection; on the client's own thread."""
        if code.is_failure:
            self._refusal = str(code)
        else:
            client.publish(f"{self._topic}/session", message_of(self._start), retain=True)
        self._is_answered.set()

    def _publish(self, topic: str, item: FrameResult | Marker) -> None:
        # Waited for: else a connection that hangs would fill the memory with messages.
        sent = self._client.publish(topic, message_of(item))
        if sent.rc:
            raise NotDelivered(self._text_of(sent.rc))
        sent.wait_for_publish(_PATIENCE_S)
        if not sent.is_published():
            raise NotDelivered("the broker takes nothing")
