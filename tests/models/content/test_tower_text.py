"""Claims about `models.content.tower_text` and `models.content.tower_text_layer`, which learns what the former reads with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.content import tower_text
from models.content.tower_text import TextReader

RNG = np.random.default_rng(2)
READER = TextReader(*(RNG.normal(size=shape).astype(np.float32) for shape in ((50, 4), (3, 4, 5), (5,))))
TEXTS = np.array([[3, 7, 7, 1, 9], [4, -1, -1, -1, -1], [8, 2, -1, -1, -1], [-1, -1, -1, -1, -1]], np.int32)


def plain(text: list[int], reader: TextReader) -> np.ndarray:
    """Read one text word by word: each pattern sees a word and its neighbours, and beyond the text nothing."""
    window, _, filters = reader.kernel.shape
    answers = []
    for middle in range(len(text)):
        answer = reader.bias.astype(np.float64).copy()
        for place in range(window):
            neighbour = middle + place - (window - 1) // 2
            if 0 <= neighbour < len(text):
                answer += reader.table[text[neighbour]] @ reader.kernel[place]
        answers.append(np.maximum(answer, 0))
    return np.concatenate([np.max(answers, axis=0), np.mean(answers, axis=0)]) if answers else np.zeros(2 * filters)


@pytest.mark.parametrize("window", [1, 2, 3])
def test_a_text_is_read_as_a_loop_reads_it(window: int) -> None:
    """Largest and mean answer to each pattern, over the words that are there; nothing of a text without words."""
    reader = TextReader(READER.table, READER.kernel[:window], READER.bias)
    expected = [plain([word for word in text if word >= 0], reader) for text in TEXTS.tolist()]
    np.testing.assert_allclose(reader(TEXTS), expected, atol=1e-5)


def test_padding_changes_nothing() -> None:
    """Longer texts elsewhere, or none at all, do not change what is read here."""
    longer = np.pad(TEXTS, ((0, 0), (0, 9)), constant_values=-1)
    np.testing.assert_allclose(READER(longer), READER(TEXTS), rtol=1e-5)
    np.testing.assert_allclose(READER(TEXTS[1:2, :1]), READER(TEXTS)[1:2], rtol=1e-5)
    np.testing.assert_array_equal(READER(TEXTS[:2, :0]), np.zeros((2, 10)))


def test_the_order_of_words_matters() -> None:
    """What a bag of words cannot tell apart, a pattern of neighbours can."""
    there, back = READER(np.array([[1, 2, 3], [3, 2, 1]], np.int32))
    assert not np.allclose(there, back)


def test_texts_are_read_alike_in_small_portions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Portions bound memory and nothing else; a reader read back reads the same."""
    READER.save(tmp_path / "text.npz")
    expected = READER(TEXTS)
    monkeypatch.setattr(tower_text, "ROWS_AT_ONCE", 1)
    np.testing.assert_array_equal(TextReader.load(tmp_path / "text.npz")(TEXTS), expected)


def test_the_layer_reads_what_its_reader_reads() -> None:
    """Keras and plain arrays agree, whatever the padding; the layer comes back from its configuration."""
    import keras

    from models.content.tower_text_layer import WordConvolution

    layer = WordConvolution(filters=5, word_size=4, window=3, seed=1)
    layer.build((None, None))
    layer.set_weights([RNG.normal(size=weight.shape) for weight in layer.get_weights()])
    for texts in (TEXTS, np.pad(TEXTS, ((0, 0), (0, 9)), constant_values=-1)):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(texts)), layer.reader()(TEXTS), atol=1e-5)
    again = WordConvolution.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    with pytest.raises(ValueError, match="1 at least"):
        WordConvolution(filters=0, word_size=4, window=3, seed=1)


def test_words_that_training_never_met_are_all_the_same() -> None:
    """Before anything is learned every text reads alike, so no new word can mislead."""
    from models.content.tower_text_layer import WordConvolution

    layer = WordConvolution(filters=5, word_size=4, window=3, seed=1)
    layer.build((None, None))
    read = layer.reader()(TEXTS)
    np.testing.assert_array_equal(read[:3], np.broadcast_to(read[0], (3, 10)))
    assert not read[3].any()
