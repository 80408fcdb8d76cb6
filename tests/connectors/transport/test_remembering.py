"""What is read in one pass is asked once, and nothing else is remembered."""

from typing import Any

from connectors.targets.aiaccount.outcomes import hear
from connectors.transport.http import Http, HttpAnswer, HttpFailure, Remembering


class Told(Http):
    """Answers from a list, and counts."""

    def __init__(self, *answers: int | None) -> None:
        super().__init__()
        self.left = list(answers)

    def request(self, *_words: Any, **_given: Any) -> HttpAnswer | HttpFailure:
        status = self.left.pop(0)
        if status is None:
            return HttpFailure(kind="no_answer", words="!", seconds=0.0)
        body = b'{"left": %d}' % len(self.left)
        return HttpAnswer(status=status, headers={}, body=body, seconds=0.0, at=self.now())


def test_a_good_answer_to_a_read_serves_again() -> None:
    http = Remembering(Told(200, 200))
    same = [http.request("GET", "http://x/1", headers={}) for _ in range(3)]
    other = http.request("GET", "http://x/2", headers={})
    assert same == [same[0]] * 3
    assert other != same[0]


def test_a_read_is_known_by_what_it_asks_and_counted_once() -> None:
    http = Remembering(Told(200, 200))
    asked = [http.request("POST", "http://x/list", headers={}, body=b) for b in (b"1", b"1", b"2")]
    assert asked[0] == asked[1] != asked[2]
    assert http.calls == 2


def test_a_write_and_a_bad_answer_are_asked_each_time() -> None:
    told = Told(None, 503, 200, 200, 200)
    http = Remembering(told)
    for _ in range(4):
        http.request("GET", "http://x/1", headers={})
    assert len(told.left) == 2
    for _ in range(2):
        http.request("POST", "http://x/1", headers={}, push=True)
    assert told.left == []


def test_the_answer_for_a_whole_file_is_opened_once_for_its_documents() -> None:
    http = Remembering(Told(200))
    answers = [http.request("GET", "http://x/imports/1", headers={}) for _ in range(3)]
    contents = [hear(one, http.now()).content for one in answers if isinstance(one, HttpAnswer)]
    assert len(contents) == 3
    assert all(one is contents[0] for one in contents)
