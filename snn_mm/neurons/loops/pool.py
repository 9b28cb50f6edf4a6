"""The compiled loops of a LIF layer and the max-pool behind it, over channels-last maps.

A row of pixels runs through all time steps while its spikes are bytes in the cache, and is pooled
from there. What is kept of a window is its winner, the place in the window of what torch takes: the
first spike in the order of rows, or the first pixel if there is none. On the way back a pixel
gathers the gradients of the windows that it won, in torch's order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snn_mm.neurons.loops.backward import BACKWARD_BLOCK, backward_block, backward_scratch
from snn_mm.neurons.loops.compiled import compiled, inlined
from snn_mm.neurons.loops.half_floats import narrow, widen
from snn_mm.neurons.loops.lanes import LANES, add_where, put_where
from snn_mm.neurons.loops.lif import BLOCK, fire, load

_NOTHING = 255
"""The winner of a window without a spike, for a while."""


@inlined
def _mark(places: Any, at: int, spikes: Any, start: int, channels: int, place: Any) -> None:
    """Note a place where there are spikes: of a pixel's, in those of a window."""
    full = channels - channels % LANES
    for low in range(0, full, LANES):
        put_where(places, at + low, spikes, start + low, place)
    for i in range(full, channels):
        places[at + i] = place if spikes[start + i] else places[at + i]


@compiled
def _lower(winners: Any, places: Any, offset: Any) -> None:
    """Note what a row of windows won, all `[W' * C]`."""
    for i in range(winners.size):
        winners[i] = places[i] + offset if places[i] != np.uint8(_NOTHING) else winners[i]


@compiled
def _decide(winners: Any, first: Any, pooled: Any, offset: Any) -> None:
    """Fill the maxima and name the first pixel where none fired, all `[W' * C]`."""
    one, zero = narrow(np.float32(1), pooled), narrow(np.float32(0), pooled)
    for i in range(winners.size):
        fired = winners[i] != np.uint8(_NOTHING)
        pooled[i] = one if fired else zero
        winners[i] = winners[i] if fired else first[i] + offset


@compiled
def _fire_row(at: int, x: Any, step: int, first: Any, last: Any, spikes: Any, lif: Any) -> None:
    """All time steps of the row of pixels at a number: spikes `[T, W * C]`."""
    row = spikes.shape[1]
    for low in range(0, row, BLOCK):
        high = min(low + BLOCK, row)
        membrane = last[at + low : at + high]
        load(membrane, first, at + low, lif[2])
        for t in range(len(spikes)):
            current = x[t * step + at + low : t * step + at + high]
            fire(current, spikes[t][low:high], membrane, lif)


@compiled
def _mark_row(spikes: Any, places: Any, shape: Any) -> None:
    """The place of the first spike in each window of a row: `[T, W' * C]` of `[T, W * C]`."""
    _, width, channels, kernel, stride, padding = shape
    for t in range(len(spikes)):
        source, found = spikes[t], places[t]
        found[:] = np.uint8(_NOTHING)
        for out in range(found.size // channels):
            begin = out * stride - padding
            for place in range(kernel - 1, -1, -1):
                pixel = begin + place
                if 0 <= pixel < width:
                    start = pixel * channels
                    _mark(found, out * channels, source, start, channels, np.uint8(place))


@compiled
def _first_places(shape: Any, outputs: int) -> Any:
    """The first place in each window of a row that is no padding, `[W' * C]`."""
    channels, stride, padding = shape[2], shape[4], shape[5]
    first = np.empty(outputs * channels, np.uint8)
    for out in range(outputs):
        first[out * channels : (out + 1) * channels] = max(0, padding - out * stride)
    return first


@compiled
def pooled_forward_loop(
    start: int,
    stop: int,
    x: Any,
    step: int,
    first: Any,
    pooled: Any,
    winners: Any,
    last: Any,
    shape: Any,
    lif: Any,
) -> None:
    """Fill maxima and winners of the images from start to stop, and the membrane that is left.

    Args:
        start: a multiple of the size of an image.
        stop: another.
        x: input `[T * N * H * W * C]`, or one row of it.
        step: between its rows, or 0.
        first: the membrane before the first step `[N * H * W * C]`, or empty.
        pooled: maxima `[T, N, H', W' * C]`.
        winners: places in their windows, of the same shape.
        last: membrane after the last step `[N * H * W * C]`.
        shape: H, W, C, and length, stride and padding of a window.
        lif: the settings.
    """
    height, width, channels, kernel, stride, padding = shape
    steps, outputs, row = len(pooled), pooled.shape[2], width * channels
    spikes = np.empty((steps, row), np.uint8)
    places = np.empty((kernel, steps, pooled.shape[3]), np.uint8)  # of the last rows of pixels
    default = _first_places(shape, pooled.shape[3] // channels)
    for image in range(start // (height * row), stop // (height * row)):
        done = 0
        for out in range(outputs + 1):
            begin = out * stride - padding
            end = min(begin + kernel, height) if out < outputs else height
            while done < end:
                _fire_row((image * height + done) * row, x, step, first, last, spikes, lif)
                _mark_row(spikes, places[done % kernel], shape)
                done += 1
            for t in range(steps if out < outputs else 0):
                of_row = winners[t, image, out]
                of_row[:] = np.uint8(_NOTHING)
                for line in range(end - 1, max(begin, 0) - 1, -1):
                    _lower(of_row, places[line % kernel][t], np.uint8((line - begin) * kernel))
                offset = np.uint8(max(0, -begin) * kernel)
                _decide(of_row, default, pooled[t, image, out], offset)


@inlined
def _gather(
    into: Any, at: int, gradient: Any, winners: Any, start: int, channels: int, place: Any
) -> None:
    """Add to a pixel's the gradients of a window that its place won."""
    full = channels - channels % LANES
    for low in range(0, full, LANES):
        add_where(into, at + low, gradient, start + low, winners, place)
    for i in range(full, channels):
        won = winners[start + i] == place
        into[at + i] += widen(gradient[start + i]) if won else np.float32(0)


@compiled
def _gather_line(into: Any, gradient: Any, winners: Any, line: int, shape: Any) -> None:
    """The gradient of a row of pixels `[W * C]` from those of the maxima `[H', W' * C]`."""
    _, width, channels, kernel, stride, padding = shape
    into[:] = np.float32(0)
    below = line + padding
    last = min(len(winners), below // stride + 1)
    for row in range(max(0, (below - kernel) // stride + 1), last):
        of_row, won, corner = gradient[row], winners[row], (below - row * stride) * kernel
        for out in range(won.size // channels):
            start = out * channels
            for place in range(kernel):
                pixel, name = out * stride - padding + place, np.uint8(corner + place)
                if 0 <= pixel < width:
                    _gather(into, pixel * channels, of_row, won, start, channels, name)


@compiled
def pooled_backward_loop(
    start: int, stop: int, rows: Any, state: Any, none: Any, shape: Any, lif: Any
) -> None:
    """Fill the gradients of the input and of the first membrane, of images from start to stop.

    Args:
        start: a multiple of the size of an image.
        stop: another.
        rows: input, step between its rows, gradient of the maxima and winners, both
            `[T, N, H', W' * C]`, and gradient of the input.
        state: see `backward_loop`.
        none: what stands for no batch norm.
        shape: H, W, C, and length, stride and padding of a window.
        lif: the settings.
    """
    x, step, grad_pooled, winners, grad_x = rows
    height, width, channels = shape[:3]
    steps, row = len(winners), width * channels
    lines = min(height, max(1, BACKWARD_BLOCK // row))
    scratch, sums = backward_scratch(steps, lines * row, 0), np.empty((2, 0))
    given = np.empty((steps, lines * row), np.float32)
    ends = (x, step, grad_x)
    for image in range(start // (height * row), stop // (height * row)):
        for begin in range(0, height, lines):
            end = min(begin + lines, height)
            for t in range(steps):
                for line in range(begin, end):
                    into = given[t][(line - begin) * row : (line - begin + 1) * row]
                    _gather_line(into, grad_pooled[t, image], winners[t, image], line, shape)
            low, high = (image * height + begin) * row, (image * height + end) * row
            backward_block(low, high, given, 0, ends, state, scratch, none, sums, lif)
