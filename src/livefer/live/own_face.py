"""The user's own face before the window: enrolled, switched off and on, and saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock

from livefer.errors import LiveferError
from livefer.live.enrolment import Enrolment
from livefer.profiles.moments import READY_S, profile_of_moments
from livefer.profiles.profile import NEUTRAL, Profile
from livefer.recognizer import Recognizer
from livefer.results import FrameResult

_LONG_S = 6.0  # for what takes long to read
_NO_PROFILE = "no profile yet: press N"


class OwnFace:
    """An enrolment while it runs, and the profile that comes of it, which the recognizer uses.

    Keys and frames come from two threads.
    """

    def __init__(self, recognizer: Recognizer, say: Callable[..., None]) -> None:
        """say: shows a message, for so many seconds if they are given."""
        self._recognizer, self._say = recognizer, say
        # Also while they are switched off.
        self._profile, self._is_auto = recognizer.profile, recognizer.is_profile_auto
        self._enrolment: Enrolment | None = None
        self._lock = Lock()

    @property
    def prompt(self) -> str:
        """What the user is to do now; empty where no enrolment runs."""
        enrolment = self._enrolment
        return "" if enrolment is None else enrolment.prompt

    def begin(self, has_others: bool) -> None:
        """Enrol the face at rest; has_others: and all other expressions in turn."""
        classes = self._recognizer.classes
        if NEUTRAL not in classes:
            self._say(f"the model has no class neutral: it has {', '.join(classes)}")
            return
        others = [name for name in classes if name != NEUTRAL] if has_others else []
        with self._lock:
            self._enrolment = Enrolment([NEUTRAL, *others], READY_S if others else 0.0)

    def interrupt(self, goes_on: bool) -> bool:
        """End a running enrolment; return whether one was running.

        goes_on: leave out the present expression alone
        """
        with self._lock:
            if self._enrolment is None:
                return False
            if goes_on:
                self._enrolment.leave_out()
            else:
                self._enrolment.stop()
            self._finish()
            return True

    def add(self, result: FrameResult) -> None:
        """Show the enrolment the next frame's faces."""
        with self._lock:
            enrolment = self._enrolment
            if enrolment is None:
                return
            n_before = len(enrolment.answers)
            enrolment.add(result)
            if len(enrolment.answers) == 1 and not n_before:
                self._make(enrolment)  # a restless neutral face is reported at once
            self._finish()

    def switch(self) -> None:
        """Judge by the average face, or by the own one again."""
        recognizer = self._recognizer
        if self._profile is None and not self._is_auto:
            self._say(_NO_PROFILE)
            return
        is_on = recognizer.profile is not None or recognizer.is_profile_auto
        recognizer.profile = None if is_on else self._profile
        recognizer.is_profile_auto = self._is_auto and not is_on
        recognizer.reset()
        self._say("judged by the average face: P goes back" if is_on else "judged by your own face")

    def save(self, path: Path) -> None:
        """Write the profile."""
        if self._profile is None:
            self._say(_NO_PROFILE)
            return
        try:
            self._profile.save(path)
        except LiveferError as error:
            self._say(str(error))
        else:
            self._say(f"saved {path}: use it by --profile {path}")

    def _finish(self) -> None:
        """Use the profile of an enrolment that has come to its end."""
        enrolment = self._enrolment
        if enrolment is None or enrolment.expression is not None:
            return
        self._enrolment = None
        if NEUTRAL not in enrolment.answers:
            self._say("no neutral face: nothing has changed")
        elif (made := self._make(enrolment)) is not None:
            self._profile = self._recognizer.profile = made
            self._recognizer.reset()
            self._say("judged by your own face now: P shows the difference, W saves it", _LONG_S)

    def _make(self, enrolment: Enrolment) -> Profile | None:
        """Return the profile of what was shown so far; where it is none, end and say why."""
        try:
            return profile_of_moments(self._recognizer.classifier, enrolment.answers)
        except LiveferError as error:
            self._enrolment = None
            self._say(str(error), _LONG_S)
            return None
