import jax
import pytest

from diffuse_ui.compile_cache import keep_compiled


@pytest.fixture
def unset():
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    yield
    jax.config.update("jax_compilation_cache_dir", before)


def test_programs_are_kept_where_the_user_says(unset, monkeypatch, tmp_path):
    monkeypatch.setenv("DIFFUSE_UI_CACHE", str(tmp_path / "cache"))
    assert keep_compiled() == tmp_path / "cache"
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "cache")
    monkeypatch.setenv("DIFFUSE_UI_CACHE", str(tmp_path / "other"))
    assert keep_compiled() == tmp_path / "cache"


def test_nothing_is_kept_when_turned_off_or_not_writable(unset, monkeypatch, tmp_path):
    monkeypatch.setenv("DIFFUSE_UI_CACHE", "off")
    assert keep_compiled() is None
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DIFFUSE_UI_CACHE", str(tmp_path / "file" / "folder"))
    assert keep_compiled() is None
    assert jax.config.jax_compilation_cache_dir is None
