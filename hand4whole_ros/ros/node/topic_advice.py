"""Advice, in one line, where no image or calibration comes, from the topics that exist."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping

from .. import topics

IMAGE, COMPRESSED_IMAGE, CAMERA_INFO = (f'sensor_msgs/msg/{name}' for name in (
    'Image', 'CompressedImage', 'CameraInfo'))

#: Depth images, by image_transport's and drivers' names, in which no person can be detected. Drawn images, such
#: as this package's own, are no camera images either.
_DEPTH_TOPIC = re.compile(r'(^|[/_])depth([/_]|$)|disparity|confidence', re.IGNORECASE)
_OVERLAY_TOPIC = re.compile(r'/overlay(/|$)')
#: image_transport's topics of depth or videos: CompressedImage by type, but not images.
_NON_IMAGE_SUFFIXES = ('/compressedDepth', '/theora', '/ffmpeg', '/zstd')
#: A camera's other images come after its colour image.
_SECONDARY_CAMERA = re.compile(r'infra|(^|[/_])ir\d?([/_]|$)|thermal|mask|label|segment|debug|annotat', re.IGNORECASE)

#: Maximum number of topics in a line.
_MAX_LISTED_TOPICS = 5


def advise_on_image(wanted: str, image_topic: str, published: Mapping[str, Collection[str]]) -> str:
    """Why no `wanted` (IMAGE or COMPRESSED_IMAGE) comes on image_topic, and the remedy, in one line.

    published: topic -> types that other nodes publish on it.
    """
    base = image_topic.removesuffix(topics.COMPRESSED)
    line = f'there is no publisher of {wanted} on {image_topic}'
    other, transport = (COMPRESSED_IMAGE, 'compressed') if wanted == IMAGE else (IMAGE, 'raw')
    # Topic of the other form of this image.
    for topic in (base, base + topics.COMPRESSED) if wanted == IMAGE else (base,):
        if other in published.get(topic, ()):
            return f'{line}, but {other} on {topic}: set image_transport:={transport}'
    found = published.get(image_topic)
    if found:
        line += f', but {", ".join(sorted(found))}'
    same, depth = _list_cameras(wanted, published)
    if same:
        return f'{line}; there is {_format_topics(same)}: remap image:={same[0].removesuffix(topics.COMPRESSED)}'
    others, other_depth = _list_cameras(other, published)
    if others:
        return (f'{line}; there is {_format_topics(others)}, of {other}: remap image:='
                f'{others[0].removesuffix(topics.COMPRESSED)} and set image_transport:={transport}')
    if depth or other_depth:
        return (f'{line}; there is only depth, on {_format_topics(depth or other_depth)}: does the driver publish '
                'colour, too?')
    domain = os.environ.get('ROS_DOMAIN_ID', '0')
    return f'{line}, nor any image elsewhere: is the camera running, with ROS_DOMAIN_ID={domain} as here?'


def advise_on_camera_info(topic: str, published: Mapping[str, Collection[str]]) -> str | None:
    """The topic of a calibration that is not on `topic`; None if there is none, or if it is on `topic`."""
    if CAMERA_INFO in published.get(topic, ()):
        return None
    found = sorted((name for name, types in published.items() if CAMERA_INFO in types),
                   key=lambda name: (bool(_DEPTH_TOPIC.search(name)), -_common_prefix(name, topic), name))
    if not found:
        return None
    return (f'there is no publisher of {CAMERA_INFO} on {topic}; there is {_format_topics(found)}: '
            f'remap camera_info:={found[0]}')


def advise_on_depth(topic: str, published: Mapping[str, Collection[str]]) -> str | None:
    """Why no depth comes on `topic`, and which topics have it; None if it has a publisher."""
    if IMAGE in published.get(topic, ()):
        return None
    line = f'there is no publisher of {IMAGE} on {topic} (parameter depth_topic)'
    if published.get(topic):
        return f'{line}, but {", ".join(sorted(published[topic]))}'
    found = sorted(_list_cameras(IMAGE, published)[1], key=lambda name: ('aligned' not in name, name))
    return f'{line}; there is {_format_topics(found)}' if found else f'{line}: does the driver publish aligned depth?'


def _list_cameras(kind, published):
    """Topics of this type, the likeliest camera first, and those that are depth by name."""
    names = [name for name, types in published.items() if kind in types and not name.endswith(_NON_IMAGE_SUFFIXES)
             and not _OVERLAY_TOPIC.search(name)]
    names.sort(key=lambda name: (bool(_SECONDARY_CAMERA.search(name)), name))
    return ([name for name in names if not _DEPTH_TOPIC.search(name)],
            [name for name in names if _DEPTH_TOPIC.search(name)])


def _format_topics(names):
    more = len(names) - _MAX_LISTED_TOPICS
    return ', '.join(names[:_MAX_LISTED_TOPICS]) + (f' and {more} more' if more > 0 else '')


def _common_prefix(one, other):
    """Leading names that both have in common."""
    count = 0
    for a, b in zip(one.split('/'), other.split('/')):
        if a != b:
            break
        count += 1
    return count
