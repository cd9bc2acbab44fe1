"""Objects of an application that a guest uses as objects."""

from __future__ import annotations

from collections.abc import Sequence

LOG: list[str] = []


class Vector3:
    def __init__(self, x: float, y: float, z: float) -> None:
        self.x, self.y, self.z = x, y, z

    @property
    def coordinates(self) -> tuple[float, float, float]:
        return self.x, self.y, self.z

    @staticmethod
    def origin() -> Vector3:
        return Vector3(0, 0, 0)

    def add(self, other: Vector3 | float) -> Vector3:
        others = other.coordinates if isinstance(other, Vector3) else (other,) * 3
        return Vector3(*(left + right for left, right in zip(self.coordinates, others, strict=True)))

    def normalized(self) -> Vector3:
        length = sum(number**2 for number in self.coordinates) ** 0.5
        if not length:
            raise ValueError("no direction")
        return Vector3(*(number / length for number in self.coordinates))


class Object3D:
    def __init__(self, name: str) -> None:
        self.name = name
        self.position = Vector3.origin()
        self.parent: Object3D | None = None

    def lookAt(self, point: Vector3) -> None:  # noqa: N802
        self.target = point


class Mesh(Object3D):
    def vertices(self) -> Sequence[float]:
        return [0.0, 0.5, 1.0]


class Scene(Object3D):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.objects: list[Object3D] = []

    def add(self, item: Object3D) -> None:
        item.parent = self
        self.objects.append(item)

    def find(self, name: str) -> Object3D | None:
        return next((item for item in self.objects if item.name == name), None)
