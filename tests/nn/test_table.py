"""CSV files: what becomes of their columns, and each fault by its line."""

import json

import pytest

from nn.data import TableError, read_csv
from nn.data.table import Layout

FLOWERS = "length,colour,kind\n1.5,red,a\n2.5,blue,b\n\n3.5,green,a\n"


@pytest.fixture
def file(tmp_path):
    def written(content, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def test_numbers_categories_and_classes(file):
    table = read_csv(file(FLOWERS))
    assert table.names == ["length", "colour=blue", "colour=green", "colour=red"]
    assert table.X.tolist() == [[1.5, 0, 0, 1], [2.5, 1, 0, 0], [3.5, 0, 1, 0]]
    assert table.y.tolist() == [0, 1, 0]
    assert table.classes == ["a", "b"]
    assert table.lines == [2, 3, 5]
    assert table.dropped == []


def test_the_target_is_found_by_name_and_columns_can_be_ignored(file):
    table = read_csv(file(FLOWERS), target="length", ignore=["colour"])
    assert table.names == ["kind=b"]  # of two categories, one column is enough
    assert table.X.tolist() == [[0.0], [1.0], [0.0]]
    assert table.y.tolist() == [1.5, 2.5, 3.5]
    assert table.classes is None


@pytest.mark.parametrize(
    ("targets", "classes", "expected"),
    [
        ([0, 1, 0, 1], None, ["0", "1"]),
        ([3, 7, "3.0", 7], None, ["3", "7"]),
        ([1, 2, 3, 4], None, None),  # each once: numbers
        ([1, 2, 3, 4], True, ["1", "2", "3", "4"]),
        ([0, 1, 0, 1], False, None),
        ([0.5, 1, 0.5, 1], None, None),
        ([1000000, 1000001] * 2, None, ["1000000", "1000001"]),
    ],
)
def test_whole_numbers_of_few_kinds_are_classes(file, targets, classes, expected):
    text = "x,y\n" + "".join(f"{i},{target}\n" for i, target in enumerate(targets))
    table = read_csv(file(text), classes=classes)
    assert table.classes == expected
    if expected is None:
        assert table.y.tolist() == list(map(float, targets))
    else:
        named = [table.classes[index] for index in table.y]
        assert named == [str(int(float(target))) for target in targets]


@pytest.mark.parametrize("sign", ",;\t|")
def test_the_sign_between_cells_is_read_off_the_header(file, sign):
    table = read_csv(file("x,y\n1,2.5\n2,3.5\n".replace(",", sign)))
    assert table.X.tolist() == [[1.0], [2.0]]


def test_quoted_cells_may_hold_signs_and_line_ends_and_lines_are_still_counted(file):
    path = file('x,"a, b",y\r\n1,"two\r\nlines",u\r\n2,"v, w",v\r\nq,z,u\r\n3,z,u\r\n')
    with pytest.raises(TableError, match="line 5: 'q' in column 'x' is no number") as error:
        read_csv(path)
    assert error.value.faults == [(5, "'q' in column 'x' is no number")]


def test_a_mark_of_byte_order_is_no_part_of_the_first_name(file):
    assert read_csv(file(b"\xef\xbb\xbfx,y\n1,2.5\n")).names == ["x"]


def test_another_encoding_can_be_named(file):
    path = file("x,y\n1,é\n2,a\n".encode("latin-1"))
    assert read_csv(path, encoding="latin-1").classes == ["a", "é"]
    with pytest.raises(TableError, match=r"line 2: byte 0xe9 is not utf-8; .* latin-1"):
        read_csv(path)


# --- faults ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        (" \n\n", "the file is empty"),
        ("x,y\n", "no samples below the header"),
        ("1,2\n3,4\n", "line 1: these are numbers, but the first line must name the columns"),
        ("\nx,,y\n1,2,3\n", "line 2: column 2 has no name"),
        ("x,y,x,y\n1,2,3,4\n", "line 1: several columns are called 'x', 'y'"),
        ("y\n1\n", "there is no column to learn from"),
        ("x,y\n1,2\n1\n", "line 3: 1 cell, but the header names 2"),
        ("x,y\n1,2,3\n", "line 2: 3 cells, but the header names 2"),
        ("x,y\n1,2\n,3\n4,NA\n", "line 3: 'x' is missing; line 4: 'y' is missing"),
        ("x,y\n1,2\n2,3\n0x1f,3\n", "line 4: '0x1f' in column 'x' is no number"),
        ("x,y\n1,2\n2,3\n1_000,3\n", "line 4: '1_000' in column 'x' is no number"),
        ("x,y\n1,2\n2,3\ninf,3\n1e999,3\n3,3\n", "line 4: 'inf' in column 'x'.*line 5: '1e999'"),
        ('x,y\n1,2\n"3,4\n5,6\n', "line 3: a quotation mark that opens here is never closed"),
        ('x,y\n1,2\n"3"4,5\n', "line 3: "),
        ("x,y\n1,2\n3,4\0\n", "line 3: a zero byte"),
        ("x,y\n1,2\n".encode("utf-16"), "looks like utf-16"),
        ("n,y\n" + "".join(f"p{i},1.5\n" for i in range(60)), "column 'n' has 60 different texts"),
        ("x,y\nsame,1\nsame,2\n", "every input column says the same"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_the_file(file, content, message):
    path = file(content)
    with pytest.raises(TableError, match=message) as error:
        read_csv(path)
    assert str(error.value).startswith(str(path)) or "every input" in message
    assert "\n" not in str(error.value)


def test_of_many_bad_rows_five_are_named_and_all_are_kept(file):
    text = "x,y\n" + "1,2.5\n" * 20 + "".join(f"bad{i},1\n" for i in range(9))
    with pytest.raises(TableError, match=r"line 22: .*line 26: .*; and 4 more\.$") as error:
        read_csv(file(text))
    assert [line for line, _ in error.value.faults] == list(range(22, 31))


def test_rows_with_missing_cells_can_be_dropped_other_faults_not(file):
    table = read_csv(file("x,z,y\n1,?,2.5\n2,2,3.5\n3,3,\n"), missing="drop")
    assert table.X.tolist() == [[2.0, 2.0]]
    assert table.dropped == [(2, "'z' is missing"), (4, "'y' is missing")]
    with pytest.raises(TableError, match=r"line 3: 1 cell.*\.$"):
        read_csv(file("x,y\n,2.5\n1\n2,3.5\n"), missing="drop")
    with pytest.raises(TableError, match="all 2 rows have missing cells"):
        read_csv(file("x,y\n,2.5\n1,\n"), missing="drop")


def test_missing_cells_of_ignored_columns_do_not_matter(file):
    assert read_csv(file("x,z,y\n1,,2.5\n"), ignore=["z"]).X.tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "size"}, "no column 'size'; it has 'length', 'colour', 'kind'"),
        ({"ignore": ["size"]}, "no column 'size'"),
        ({"ignore": ["kind"], "target": "kind"}, "target is to be ignored"),
        ({"classes": False}, "the target 'kind' holds texts"),
        ({"classes": True, "target": "length"}, "numbers that are not whole"),
        ({"encoding": "klingon"}, "no encoding called 'klingon'"),
        ({"missing": "guess"}, "missing must be"),
        ({"delimiter": "ab"}, "one sign"),
    ],
)
def test_wishes_that_do_not_fit_the_file_are_refused(file, options, message):
    with pytest.raises(ValueError, match=message):
        read_csv(file(FLOWERS), **options)


def test_a_file_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_csv(tmp_path / "none.csv")


# --- read alike --------------------------------------------------------------------------------


def test_another_file_is_read_by_the_same_layout(file):
    layout = read_csv(file(FLOWERS)).layout
    again = Layout.from_json(json.loads(json.dumps(layout.to_json())))
    assert again == layout
    table = read_csv(file("kind,new,colour,length\nb,9,red,4\n", "other.csv"), layout=again)
    assert table.X.tolist() == [[4.0, 0.0, 0.0, 1.0]]
    assert table.y.tolist() == [1]
    assert table.classes == ["a", "b"]


def test_what_a_layout_does_not_know_is_refused(file):
    layout = read_csv(file(FLOWERS)).layout
    with pytest.raises(TableError, match="line 2: 'pink' is none of the categories of column 'col"):
        read_csv(file("length,colour,kind\n1,pink,a\n"), layout=layout)
    with pytest.raises(TableError, match="no column 'colour'"):
        read_csv(file("length,kind\n1,a\n"), layout=layout)
    for wrong in ({}, {"columns": []}, {"columns": [3]}, None):
        with pytest.raises(TableError, match="no layout"):
            Layout.from_json(wrong)
