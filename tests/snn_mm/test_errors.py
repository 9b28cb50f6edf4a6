import math

import pytest

from snn_mm.errors import UserError, check_range


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_the_ends_of_a_range_are_accepted(value: float) -> None:
    check_range("model.share", value, 0, 1)


@pytest.mark.parametrize("value", [-1, 1.5, math.nan, math.inf])
def test_a_number_outside_of_a_range_and_nan_are_refused(value: float) -> None:
    with pytest.raises(UserError, match=r"model\.share is .*; accepted: 0 to 1$"):
        check_range("model.share", value, 0, 1)


def test_a_range_without_an_end_says_so() -> None:
    with pytest.raises(UserError, match=r"seed is -1; accepted: 0 or more$"):
        check_range("seed", -1, 0)
    with pytest.raises(UserError, match=r"accepted: 0 to 4294967295$"):
        check_range("seed", -1, 0, 2**32 - 1)
