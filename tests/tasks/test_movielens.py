from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.movielens import LayoutError, MovieLensImport, import_movielens

CENTURY = 978_300_760
"""2000-12-31T22:12:40Z, the first time in 1m."""

GENRE_FLAGS = {"Toy Story": "0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0", "unknown": "1" + "|0" * 18}

# Every layout tells the same: users 1 and 2, the movies 1, 2 and 5, three ratings.
LAYOUTS: dict[str, dict[str, bytes]] = {
    "100k": {
        "u.data": f"1\t1\t5\t{CENTURY}\n1\t2\t3\t{CENTURY + 1}\n2\t5\t1\t0\n".encode(),
        "u.item": (
            f"1|Toy Story (1995)|01-Jan-1995||http://us.imdb.com/M|{GENRE_FLAGS['Toy Story']}\n"
            f"2|Cité des enfants perdus, La (1995) (V)|01-Jan-1995||http|{'0|' * 8}1|{'0|' * 9}0\n"
            f"5|unknown||||{GENRE_FLAGS['unknown']}\n"
        ).encode("latin-1"),
        "u.user": b"1|24|M|technician|85711\n2|53|F|other|T8H1N\n",
        "u.genre": b"unknown|0\nAction|1\n\n",
    },
    "1m": {
        "ratings.dat": f"1::1::5::{CENTURY}\n1::2::3::{CENTURY + 1}\n2::5::1::0\n".encode(),
        "movies.dat": (
            "1::Toy Story (1995)::Animation|Children's|Comedy\n2::Cité des enfants perdus, La (1995)::Drama\n5::Untitled::Drama\n"
        ).encode("latin-1"),
        "users.dat": b"1::M::1::10::48067\n2::F::56::16::70072\n",
    },
    "10m": {
        "ratings.dat": f"1::1::5::{CENTURY}\n1::2::3.5::{CENTURY + 1}\n2::5::0.5::0\n".encode(),
        "movies.dat": (
            "1::Toy Story (1995)::Animation|Children|Comedy\n2::Cité: des :: enfants (1995)::Drama\n5::Untitled::(no genres listed)\n"
        ).encode(),
        "tags.dat": f"1::1::Pixar::{CENTURY}\n2::1::pixar ::{CENTURY}\n2::1::a::b::{CENTURY}\n2::2:: ::{CENTURY}\n".encode(),
    },
    "csv": {
        "ratings.csv": f"userId,movieId,rating,timestamp\n1,1,5.0,{CENTURY}\n1,2,3.5,{CENTURY + 1}\n2,5,0.5,0\n".encode(),
        "movies.csv": (
            "movieId,title,genres\n1,Toy Story (1995),Animation|Children|Comedy\n"
            '2,"American President, The (2006\u20132007) ",Drama\n5,"The ""OA""",(no genres listed)\n'
        ).encode(),
        "tags.csv": f'userId,movieId,tag,timestamp\n1,1,Pixar,{CENTURY}\n2,1,"a, b",{CENTURY}\n2,1,pixar,{CENTURY}\n'.encode(),
        "links.csv": b"movieId,imdbId,tmdbId\n1,0114709,862\n",
        "genome-scores.csv": b"not,looked,at",
    },
}

Import = Callable[..., MovieLensImport]


def folder_of(files: dict[str, bytes], path: Path) -> Path:
    path.mkdir(parents=True)
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


def zip_of(files: dict[str, bytes], path: Path, top: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        if top:
            archive.writestr(f"{top}/", b"")
            archive.writestr(f"__MACOSX/{top}/._ratings.csv", b"resource fork")
        for name, content in files.items():
            archive.writestr(f"{top}/{name}" if top else name, content)
    return path


@pytest.fixture
def import_files(tmp_path: Path) -> Import:
    """Return an import of files written into a folder of their own."""

    def run(files: dict[str, bytes]) -> MovieLensImport:
        return import_movielens(folder_of(files, tmp_path / "ml"), tmp_path / "inbox")

    return run


def column(receipt: MovieLensImport, source: str, name: str) -> list[object]:
    (path,) = (path for path in receipt.files if path.parent.name == source)
    return pq.read_table(path)[name].to_pylist()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_interactions(layout: str, import_files: Import) -> None:
    """Users, movies and times come out alike, whatever the files looked like; ids are integers and times UTC."""
    receipt = import_files(LAYOUTS[layout])
    assert (receipt.layout, receipt.n_interactions, receipt.n_items, receipt.positive_from) == (layout, 3, 3, 4.0)
    assert column(receipt, "interactions", "user_id") == [1, 1, 2]
    assert column(receipt, "interactions", "item_id") == [1, 2, 5]
    assert column(receipt, "interactions", "occurred_at")[0] == datetime(2000, 12, 31, 22, 12, 40, tzinfo=UTC)
    assert pq.read_schema(receipt.files[0]).field("occurred_at").type == pa.timestamp("us", "UTC")
    assert column(receipt, "interactions", "value")[0] == 5.0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_folder_and_zip_give_the_same_bytes(layout: str, tmp_path: Path) -> None:
    """A folder, a folder in a folder, a zip and a zip with one top folder are one data set."""
    files = LAYOUTS[layout]
    folder_of(files, tmp_path / "outer" / "inner")
    packed = [
        zip_of(files, tmp_path / "flat.zip"),
        zip_of(files, tmp_path / "deep.zip", "ml"),
        tmp_path / "outer",
        tmp_path / "outer" / "inner",
    ]
    contents = set()
    for number, path in enumerate(packed):
        receipt = import_movielens(path, tmp_path / f"inbox{number}")
        contents.add(tuple(file.read_bytes() for file in receipt.files))
    assert len(contents) == 1


def test_half_stars_stay_half_stars(import_files: Import) -> None:
    """10m and later rate in halves."""
    assert column(import_files(LAYOUTS["10m"]), "interactions", "value") == [5.0, 3.5, 0.5]


def test_titles_stay_as_they_are_and_give_the_year(import_files: Import) -> None:
    """Quotes are unpacked, articles stay behind, years are found with spaces or a range after them, and missed where there is none."""
    receipt = import_files(LAYOUTS["csv"])
    assert column(receipt, "items", "title") == ["Toy Story (1995)", "American President, The (2006\u20132007) ", 'The "OA"']
    assert column(receipt, "items", "year") == [1995, 2006, None]


def test_accents_of_the_old_layouts_survive(import_files: Import) -> None:
    """100k writes its titles in latin-1; a year counts although words follow it."""
    receipt = import_files(LAYOUTS["100k"])
    assert column(receipt, "items", "title")[1] == "Cité des enfants perdus, La (1995) (V)"
    assert column(receipt, "items", "year") == [1995, 1995, None]


def test_a_separator_inside_a_title_or_tag_belongs_to_it(import_files: Import) -> None:
    """Two colons may stand in a title."""
    receipt = import_files(LAYOUTS["10m"])
    assert column(receipt, "items", "title")[1] == "Cité: des :: enfants (1995)"
    assert column(receipt, "items", "tags")[0] == ["pixar", "a::b"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_genres_are_lists_and_no_genre_is_an_empty_one(layout: str, import_files: Import) -> None:
    """Flags and bars alike become lists; "(no genres listed)" and 100k's "unknown" are no genres."""
    children = "Children's" if layout in ("100k", "1m") else "Children"
    last: list[str] = ["Drama"] if layout == "1m" else []
    assert column(import_files(LAYOUTS[layout]), "items", "genres") == [["Animation", children, "Comedy"], ["Drama"], last]


def test_tags_are_lower_case_the_most_given_first(import_files: Import) -> None:
    """What two people said comes before what one said; a movie nobody tagged has an empty list."""
    assert column(import_files(LAYOUTS["csv"]), "items", "tags") == [["pixar", "a, b"], [], []]


def test_tags_are_optional(import_files: Import) -> None:
    """Without tags.csv the items have no such column."""
    files = {name: content for name, content in LAYOUTS["csv"].items() if name != "tags.csv"}
    receipt = import_files(files)
    assert pq.read_schema(receipt.files[1]).names == ["item_id", "title", "year", "genres"]


def test_users_of_100k_have_an_age_and_those_of_1m_the_words_behind_the_codes(tmp_path: Path) -> None:
    """Age 1 and occupation 10 of 1m are no quantities."""
    old = import_movielens(folder_of(LAYOUTS["100k"], tmp_path / "a"), tmp_path / "inbox_a")
    assert old.n_users == 2
    assert column(old, "users", "age") == [24, 53]
    assert column(old, "users", "zip") == ["85711", "T8H1N"]
    newer = import_movielens(folder_of(LAYOUTS["1m"], tmp_path / "b"), tmp_path / "inbox_b")
    assert column(newer, "users", "age_band") == ["under 18", "56+"]
    assert column(newer, "users", "occupation") == ["K-12 student", "self-employed"]


@pytest.mark.parametrize("layout", ["10m", "csv"])
def test_layouts_without_users_write_none(layout: str, import_files: Import) -> None:
    """No file rather than an empty one."""
    receipt = import_files(LAYOUTS[layout])
    assert receipt.n_users == 0
    assert {path.parent.name for path in receipt.files} == {"interactions", "items"}


def without(layout: str, name: str) -> dict[str, bytes]:
    return {other: content for other, content in LAYOUTS[layout].items() if other != name}


HOSTILE = {
    "no ratings": (without("csv", "ratings.csv"), "expected one file of ratings: .*found genome-scores.csv, links.csv, movies.csv"),
    "two data sets": ({**LAYOUTS["csv"], **LAYOUTS["10m"]}, "found several: ratings.csv, ratings.dat"),
    "no movies": (without("csv", "movies.csv"), "movies.csv: expected movieId,title,genres.*no such file among"),
    "nothing at all": ({}, "found no files"),
    "a rating with a field too few": (
        {**LAYOUTS["1m"], "ratings.dat": b"1::1::5::9\n1::2::5\n"}, "ratings.dat: .*Expected 7 columns, got 5"
    ),
    "a rating that is no number": ({**LAYOUTS["100k"], "u.data": b"1\t1\tfive\t9\n"}, "u.data: .*'five'"),
    "a time out of this world": ({**LAYOUTS["100k"], "u.data": b"1\t1\t5\t999999999999999\n"}, "u.data: .*timestamp"),
    "ratings cut short": ({**LAYOUTS["100k"], "u.data": b"1\t1\t5\t978300760\n1\t2\t5\t9783"}, "u.data: .*cut short"),
    "empty ratings": ({**LAYOUTS["10m"], "ratings.dat": b""}, "ratings.dat: .*[Ee]mpty"),
    "a header and no ratings": ({**LAYOUTS["csv"], "ratings.csv": b"userId,movieId,rating,timestamp\n"}, "at least one rating"),
    "another header": ({**LAYOUTS["csv"], "ratings.csv": b"user,item,rating,timestamp\n1,1,5,9\n"}, "ratings.csv: .*userId"),
    "another header of movies": (
        {**LAYOUTS["csv"], "movies.csv": b"id,name\n1,Toy Story\n"}, "the header movieId,title,genres; found id,name"
    ),
    "empty movies": ({**LAYOUTS["csv"], "movies.csv": b""}, "found an empty file"),
    "a movie with a field too many": (
        {**LAYOUTS["csv"], "movies.csv": b"movieId,title,genres\n1,American President, The,Drama\n"}, "movies.csv: .*in row 1; found .* The"
    ),
    "an open quote": (
        {**LAYOUTS["csv"], "movies.csv": b'movieId,title,genres\n1,"Toy Story,Drama\n'}, "movies.csv: .*unexpected end of data"
    ),
    "18 genre flags": ({**LAYOUTS["100k"], "u.item": LAYOUTS["100k"]["u.item"].replace(b"|0\n", b"\n")}, "u.item: .*in row 1"),
    "latin-1 where utf-8 belongs": (
        {**LAYOUTS["10m"], "movies.dat": "1::Cité (1995)::Drama\n".encode("latin-1")}, "movies.dat: .*in utf-8; found .*can't decode"
    ),
    "an unknown occupation": ({**LAYOUTS["1m"], "users.dat": b"1::F::1::21::48067\n"}, "users.dat: .*row 1"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "message"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_published_layout_is_refused_and_leaves_no_file(files: dict[str, bytes], message: str, tmp_path: Path) -> None:
    """The message names the folder, the file, what was expected and what was found; the inbox stays as it was."""
    folder = folder_of(files, tmp_path / "ml")
    with pytest.raises(LayoutError, match=f"(?s)^{folder}.*{message}") as refusal:
        import_movielens(folder, tmp_path / "inbox")
    assert isinstance(refusal.value, ValueError)
    assert refusal.value.exit_code == 2
    assert list((tmp_path / "inbox").rglob("*")) == []


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_zip_is_refused(damage: str, tmp_path: Path) -> None:
    """A zip cut short has no directory; one with a flipped byte fails its checksum."""
    path = zip_of({**LAYOUTS["csv"], "ratings.csv": LAYOUTS["csv"]["ratings.csv"] + b"2,5,0.5,0\n" * 500}, tmp_path / "ml.zip")
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content if damage == "flipped" else content[: len(content) // 2])
    with pytest.raises(LayoutError, match=r"ml\.zip"):
        import_movielens(path, tmp_path / "inbox")


def test_a_path_to_nothing_is_refused(tmp_path: Path) -> None:
    """The message says what to point to."""
    with pytest.raises(LayoutError, match="point to the folder or zip as it comes from"):
        import_movielens(tmp_path / "missing", tmp_path / "inbox")


def test_names_inside_a_zip_write_nowhere(tmp_path: Path) -> None:
    """A zip is read in place: a member named ../evil never becomes a file."""
    path = zip_of({**LAYOUTS["csv"], "../evil.csv": b"x"}, tmp_path / "ml.zip")
    import_movielens(path, tmp_path / "deep" / "inbox")
    assert list(tmp_path.rglob("evil*")) == []


def test_importing_again_replaces(tmp_path: Path) -> None:
    """The second import leaves the same files with the same bytes."""
    folder = folder_of(LAYOUTS["csv"], tmp_path / "ml")
    first = {file: file.read_bytes() for file in import_movielens(folder, tmp_path / "inbox").files}
    again = import_movielens(folder, tmp_path / "inbox")
    assert {file: file.read_bytes() for file in again.files} == first
    assert {path for path in (tmp_path / "inbox").rglob("*") if path.is_file()} == set(first)
