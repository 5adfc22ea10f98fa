# What type checkers see: at run time each name is loaded when it is asked for.
from train_teacher.config.generate import generate_mmdet_config as generate_mmdet_config
from train_teacher.data.manager import DataManager as DataManager
from train_teacher.data.manager import inspect_data as inspect_data
from train_teacher.settings.schema import TeacherSettings as TeacherSettings
from train_teacher.teachers.teacher import Teacher as Teacher
from train_teacher.training.from_python import train_teacher as train_teacher

__version__: str
