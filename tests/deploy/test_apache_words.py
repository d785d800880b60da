"""Apache's configuration read and changed on paper; the real server has the last word in test_apache.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifier
from evercert.deploy.apache.section import lines, section_at
from evercert.deploy.apache.told import answering, read_told

TOLD = """Included configuration files:
  (*) /etc/apache2/apache2.conf
    (146) /etc/apache2/mods-enabled/ssl.load
AH00558: apache2: Could not reliably determine the server's fully qualified domain name
VirtualHost configuration:
192.0.2.7:80           alone.example.test (/etc/apache2/sites-enabled/alone.conf:3)
*:80                   is a NameVirtualHost
         default server first.example.test (/etc/apache2/sites-enabled/a.conf:1)
         port 80 namevhost first.example.test (/etc/apache2/sites-enabled/a.conf:1)
         port 80 namevhost www.example.test (/etc/apache2/sites-enabled/a.conf:9)
                 alias Example.test
                 wild alias *.sub.example.test
[::]:443               six.example.test (/etc/apache2/sites-enabled/six.conf:1)
*:*                    any.example.test (/etc/apache2/sites-enabled/any.conf:1)
ServerRoot: "/etc/apache2"
PidFile: "/var/run/apache2/apache2.pid"
Loaded Modules:
 core_module (static)
 ssl_module (shared)
"""


def test_what_apache_tells_is_read() -> None:
    told = read_told(TOLD)
    assert [(each.host, each.port, each.line) for each in told.hosts] == [
        ("192.0.2.7", 80, 3),
        ("*", 80, 1),
        ("*", 80, 9),
        ("::", 443, 1),
        ("*", 0, 1),
    ]
    assert told.hosts[2].names == ("www.example.test", "example.test", "*.sub.example.test")
    assert [each.name for each in told.files] == ["apache2.conf", "ssl.load"]
    assert told.modules == {"core_module", "ssl_module"}
    assert told.pid_file == Path("/var/run/apache2/apache2.pid")


def test_a_host_answers_by_name_or_as_the_first_at_its_address() -> None:
    told = read_told(TOLD)

    def at_80(name: str) -> list[tuple[int, bool]]:
        return [(host.line, named) for host, named in answering(told, parse_identifier(name), 80)]

    assert at_80("example.test") == [(3, False), (9, True)]
    assert at_80("x.sub.example.test") == [(3, False), (9, True)]
    assert at_80("*.sub.example.test") == [(3, False), (9, True)]
    assert at_80("unknown.test") == [(3, False), (1, False)]


@given(st.text(max_size=400))
def test_any_output_is_read_as_something(output: str) -> None:
    assert read_told(output).modules is not None


def test_lines_join_what_is_continued_and_leave_comments() -> None:
    text = '# no \\\n# not this\n\tServerAlias a \\\n    "b c"\n<IfModule ssl_module>\n</IfModule>\nX\n'
    found = [(each.name, each.arguments, each.number) for each in lines(text)]
    assert found == [
        ("serveralias", ("a", "b c"), 3),
        ("<ifmodule", ("ssl_module",), 5),
        ("</ifmodule>", (), 6),
        ("x", (), 7),
    ]
    first = next(lines(text))
    assert text[first.start : first.end] == 'ServerAlias a \\\n    "b c"'


@given(st.text(alphabet='ab<>/"\\ \n#', max_size=60))
def test_any_text_has_lines_that_stand_where_they_say(text: str) -> None:
    for line in lines(text):
        written = text[line.start : line.end]
        assert written == written.strip()
        assert text.count("\n", 0, line.start) + 1 >= line.number


def test_a_host_that_a_macro_makes_is_refused_with_what_to_do() -> None:
    with pytest.raises(EvercertError) as refused:
        section_at("Use Site www.example.test\n", 1)
    assert "macro" in refused.value.hint
    with pytest.raises(EvercertError):
        section_at("<VirtualHost *:80>\n", 1)
