"""Write the files of the capsule hand: python -m hand4whole_ros.teleop.hand_model."""

from . import write_files

if __name__ == '__main__':
    for path in write_files():
        print(path)
