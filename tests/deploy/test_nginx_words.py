"""nginx's configuration read and changed on paper; the real server has the last word in test_nginx.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifier, parse_identifiers
from evercert.deploy.edits import edited
from evercert.deploy.nginx.plan import certificate_edits, quoted
from evercert.deploy.nginx.servers import answers, find_servers
from evercert.deploy.nginx.syntax import Directive, parse
from evercert.deploy.nginx.tree import Configuration, load

FILES = (Path("/live/fullchain.pem"), Path("/live/privkey.pem"))


def words_of(text: str) -> list[tuple[str, ...]]:
    return [each.words for each in parse(text)]


def test_words_quotes_escapes_and_comments_are_nginxs() -> None:
    assert words_of('a "b;c{" \'d}\' e\\ f; # g "h\nlog_format x \'$a "$b"\';') == [
        ("a", "b;c{", "d}", "e\\ f"),
        ("log_format", "x", '$a "$b"'),
    ]
    assert words_of("a x#y ${b}c$d;") == [("a", "x#y", "${b}c$d")]
    assert words_of('a "say \\"so\\" \\n";') == [("a", 'say "so" \n')]


def test_blocks_keep_the_places_of_their_words() -> None:
    text = 'map $a $b {\n  default 0;\n  "~^x{2}" 1;\n}\n'
    (block,) = parse(text)
    assert text[block.start : block.end] == text.strip()
    assert [each.words for each in block.body] == [("default", "0"), ("~^x{2}", "1")]
    quoted = block.body[1]
    assert text[quoted.start : quoted.end] == '"~^x{2}" 1;'
    assert text[block.inside - 1] == "{"


def test_lua_between_braces_is_nobodys_directive() -> None:
    lua = 'content_by_lua_block { local t = { ["}"] = "{" } -- }\n --[[ } ]] ngx.say([[}]]) }\nlisten 80;'
    assert words_of(lua) == [("content_by_lua_block",), ("listen", "80")]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a\nb {", "line 2 has an end"),
        ("a;\n}", 'line 2 has an unexpected "}"'),
        (";", 'unexpected ";"'),
        ('a "b', "does not end"),
        ("a", "not finished"),
        ("x_by_lua_block { {", "does not end"),
        ("a {" * 40, "deep"),
        ("a { b }", 'unexpected "}"'),
    ],
)
def test_what_nginx_would_not_read_is_told_with_its_line(text: str, fault: str) -> None:
    with pytest.raises(EvercertError, match=fault):
        parse(text)


@given(st.text(alphabet="ab \n;{}\"'\\#$", max_size=60))
def test_any_text_is_read_or_refused_and_spans_hold_the_words(text: str) -> None:
    try:
        found = parse(text)
    except EvercertError:
        return
    check_spans(text, found)


def check_spans(text: str, found: tuple[Directive, ...]) -> None:
    place = 0
    for each in found:
        assert place <= each.start < each.end <= len(text)
        assert text[each.end - 1] in ";}"
        place = each.end
        check_spans(text, each.body)


def configuration(tmp_path: Path, *servers: str, more: str = "") -> Configuration:
    main = tmp_path / "nginx.conf"
    main.write_text("events { }\nhttp {\n" + more + "\n".join(servers) + "\n}\n")
    return load(main)


def who(tmp_path: Path, name: str, *servers: str, port: int = 80) -> list[tuple[str, bool]]:
    """The roots of the blocks that answer, and whether by name."""
    found = answers(find_servers(configuration(tmp_path, *servers)), parse_identifier(name), port, tls=port == 443)
    return [(root_of(each.server.node.directive), each.by_name) for each in found]


def root_of(server: Directive) -> str:
    return next(each.words[1] for each in server.body if each.name == "root")


def test_exact_names_go_before_wildcards_and_those_before_expressions(tmp_path: Path) -> None:
    servers = (
        "server { root default; }",
        r"server { server_name ~^(?<sub>\w+)\.example\.test$; root regex; }",
        "server { server_name www.example.*; root tail; }",
        "server { server_name *.test; root short; }",
        "server { server_name .example.test; root dot; }",
        "server { server_name www.Example.test; root exact; }",
    )
    assert who(tmp_path, "www.example.test", *servers) == [("exact", True)]
    assert who(tmp_path, "a.example.test", *servers) == [("dot", True)]
    assert who(tmp_path, "example.test", *servers) == [("dot", True)]
    assert who(tmp_path, "a.b.test", *servers) == [("short", True)]
    assert who(tmp_path, "www.example.org", *servers) == [("tail", True)]
    assert who(tmp_path, "a.example.org", *servers) == [("default", False)]
    assert who(tmp_path, "x.example.test", *servers[:2]) == [("regex", True)]


def test_each_socket_decides_for_itself_and_has_its_own_default(tmp_path: Path) -> None:
    servers = (
        "server { listen 80; listen 192.0.2.7:80; root first; }",
        "server { listen 192.0.2.7:80 default_server; root default; }",
        "server { listen [::]:80; server_name www.example.test; root six; }",
        "server { listen unix:/s; listen 443 quic; listen 8080; root elsewhere; }",
    )
    assert who(tmp_path, "www.example.test", *servers) == [("first", False), ("default", False), ("six", True)]


def test_a_wildcard_is_answered_by_its_own_block_or_by_those_under_it(tmp_path: Path) -> None:
    own = "server { server_name *.example.test; root own; }"
    under = "server { server_name a.example.test; root under; }"
    assert who(tmp_path, "*.example.test", under, own) == [("own", True)]
    assert who(tmp_path, "*.example.test", "server { root default; }", under) == [("under", True)]


def test_an_address_is_answered_by_the_default_of_its_socket(tmp_path: Path) -> None:
    servers = (
        "server { listen 192.0.2.7:443 ssl; root mine; }",
        "server { listen 192.0.2.8:443 ssl; root other; }",
    )
    assert who(tmp_path, "192.0.2.7", *servers, port=443) == [("mine", True), ("other", False)]


def changed(found: Configuration, *names: str) -> str:
    edits = certificate_edits(found, parse_identifiers(names), 80, 443, FILES)
    return edited(found.texts[found.main], edits)


def test_a_plain_block_gets_tls_on_the_addresses_that_it_has(tmp_path: Path) -> None:
    server = "server {\n\tlisten 80;\n\tlisten [::]:80 ipv6only=on;\n\tserver_name a.test; # mine\n}"
    text = changed(configuration(tmp_path, server), "a.test")
    assert text.endswith(
        "server {\n\tlisten 80;\n\tlisten [::]:80 ipv6only=on;\n\tserver_name a.test;\n"
        "\t# installed by evercert\n\tlisten 443 ssl;\n\tlisten [::]:443 ssl ipv6only=on;\n"
        "\tssl_certificate /live/fullchain.pem;\n\tssl_certificate_key /live/privkey.pem; # mine\n}\n}\n"
    )


def test_a_block_on_one_line_stays_one_that_nginx_reads(tmp_path: Path) -> None:
    found = configuration(tmp_path, "server { server_name a.test; root /x; }")
    (tmp_path / "nginx.conf").write_text(changed(found, "a.test"))
    (server,) = find_servers(load(tmp_path / "nginx.conf"))
    assert [each.socket for each in server.listens] == [("*", 443)]
    assert root_of(server.node.directive) == "/x"


def test_what_is_right_already_is_not_touched(tmp_path: Path) -> None:
    server = (
        "server { listen 443 ssl; server_name a.test;"
        " ssl_certificate /live/fullchain.pem; ssl_certificate_key /live/privkey.pem; }"
    )
    found = configuration(tmp_path, server)
    assert certificate_edits(found, parse_identifiers(["a.test"]), 80, 443, FILES) == []


def test_a_snippet_that_others_include_too_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "snake.conf").write_text("ssl_certificate a.pem; ssl_certificate_key a.key;")
    block = "server {{ listen 443 ssl; server_name {}; include snake.conf; }}"
    found = configuration(tmp_path, block.format("a.test"), block.format("b.test"))
    with pytest.raises(EvercertError, match="gives other server blocks their certificate too"):
        changed(found, "a.test")
    edits = certificate_edits(found, parse_identifiers(["a.test", "b.test"]), 80, 443, FILES)
    assert {each.path.name for each in edits} == {"snake.conf"}
    assert len(edits) == 2


def test_a_certificate_from_a_variable_is_left_to_the_user(tmp_path: Path) -> None:
    server = (
        "server { listen 443 ssl; server_name a.test; ssl_certificate $ssl_server_name.pem; ssl_certificate_key k; }"
    )
    with pytest.raises(EvercertError, match="from a variable"):
        changed(configuration(tmp_path, server), "a.test")


def test_includes_are_read_in_order_and_a_loop_of_them_ends(tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir()
    for name in ("b", "a"):
        (tmp_path / "sites" / name).write_text(f"server {{ server_name {name}; }}")
    (tmp_path / "sites" / ".hidden").write_text("server { server_name hidden; }")
    found = configuration(tmp_path, more="include sites/*;\ninclude nothing/*;\n")
    assert [server.names for server in find_servers(found)] == [("a",), ("b",)]
    (tmp_path / "sites" / "c").write_text("include sites/c;")
    with pytest.raises(EvercertError, match="too deep"):
        configuration(tmp_path, more="include sites/*;\n")


def test_a_path_is_one_word_and_never_a_variable() -> None:
    assert quoted(Path("/var/lib/_.a-b/x.pem")) == "/var/lib/_.a-b/x.pem"
    assert quoted(Path('/a b/"c"\\d')) == '"/a b/\\"c\\"\\\\d"'
    assert parse(f"x {quoted(Path('/a; b'))};")[0].words == ("x", "/a; b")
    with pytest.raises(EvercertError, match="cannot be given the path"):
        quoted(Path("/a$b"))
