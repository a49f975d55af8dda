"""The seven roles of the reference architecture (Kreuzberger, Kühl, Hirschl 2023)."""

from enum import StrEnum


class Role(StrEnum):
    """Who somebody acts as: R1 to R7."""

    STAKEHOLDER = "R1"
    ARCHITECT = "R2"
    DATA_SCIENTIST = "R3"
    DATA_ENGINEER = "R4"
    SOFTWARE_ENGINEER = "R5"
    DEVOPS = "R6"
    ML_ENGINEER = "R7"

    @property
    def words(self) -> str:
        """The role in words.

        >>> Role.DATA_ENGINEER.words
        'data engineer'
        """
        return _TITLES[self]


_TITLES = {
    Role.STAKEHOLDER: "business stakeholder",
    Role.ARCHITECT: "solution architect",
    Role.DATA_SCIENTIST: "data scientist",
    Role.DATA_ENGINEER: "data engineer",
    Role.SOFTWARE_ENGINEER: "software engineer",
    Role.DEVOPS: "DevOps engineer",
    Role.ML_ENGINEER: "ML engineer",
}
