"""Pictures have the colours that their profiles say, and the profiles that were asked for."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from pacs.dicom.colouring import AS_IT_IS, PROFILES, coloured, profile, profile_in, srgb
from pacs.errors import UndecodablePixels

SPACES = [each for each in PROFILES if each not in ("no", "yes")]


def patches() -> Image.Image:
    values = np.array([[[128, 128, 128], [200, 40, 40], [40, 200, 40]], [[0, 0, 0], [255, 255, 255], [60, 60, 200]]])
    return Image.fromarray(values.astype(np.uint8))


def as_srgb(image: Image.Image) -> Image.Image:
    given = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    made = ImageCms.profileToProfile(image, given, ImageCms.createProfile("sRGB"))
    assert made is not None
    return made


@pytest.mark.parametrize("name", SPACES)
def test_colours_are_told_otherwise_and_mean_the_same(name: str) -> None:
    told = coloured(patches(), name, b"")
    assert told.info["icc_profile"] == profile(name)
    assert ImageCms.ImageCmsProfile(io.BytesIO(profile(name))).profile.is_intent_supported(0, 0)
    assert (np.abs(np.asarray(told, int) - np.asarray(patches(), int)).max() > 20) == (name != "srgb")
    assert np.abs(np.asarray(as_srgb(told), int) - np.asarray(patches(), int)).max() <= 6


def test_the_profile_of_the_image_goes_before_ours() -> None:
    adobe = profile("adobergb")
    assert coloured(patches(), AS_IT_IS, adobe).info["icc_profile"] == adobe
    assert coloured(patches(), AS_IT_IS, b"").info["icc_profile"] == srgb()
    told = coloured(patches(), "srgb", adobe)
    assert np.asarray(told, int)[0, 1, 0] > 200  # a red that is wider there


def test_greys_become_colours_and_broken_profiles_are_told() -> None:
    assert coloured(Image.new("L", (2, 2), 100), AS_IT_IS, b"").mode == "RGB"
    broken = bytes(16) + b"RGB " + bytes(200)
    with pytest.raises(UndecodablePixels):
        coloured(patches(), "srgb", broken)


def test_the_profile_inside_a_stored_jpeg() -> None:
    out = io.BytesIO()
    patches().save(out, "JPEG", icc_profile=srgb())
    assert profile_in(out.getvalue()) == srgb()
    assert profile_in(b"\xff\xd8nothing") == profile_in(b"") == b""
