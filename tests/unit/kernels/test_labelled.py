import io

from tests.kernels.labelled import Labelled


def test_lines_are_whole_and_labelled():
    terminal = io.BytesIO()
    one, two = Labelled(b"1| ", terminal), Labelled(b"2| ", terminal)
    one.write(b"a")
    two.write(b"x\ny")
    one.write(b"b\n\nc")
    assert terminal.getvalue() == b"2| x\n1| ab\n1| \n"
