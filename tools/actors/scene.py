"""Blender scenes: people made of the parts in this folder, a light, a camera, and one rendered picture at a time.

Blender's axes: x to the picture's right, y away from the camera, z up, in metres. Places from the other modules
(decimetres, y up, face along +z) are turned by `to_blender`.
"""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import cv2
import numpy as np

from . import glasses, motion, skin, strands, teeth
from .assets import blender, light_picture
from .cast import Actor, Light
from .head import Head, best_rigid, rotation

DISTANCE, LENS, SENSOR, CAMERA_HEIGHT = 0.765, 85.0, 36.0, -0.033  # metres, millimetres
AXES = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
EXPOSURE = 0.85  # stops for every light
IRIS = 0.50  # radius of the iris, of the eyeball's
SHUTTER = 0.5  # share of a frame's time that the shutter is open, where there is motion blur


def to_blender(points: np.ndarray) -> np.ndarray:
    """Decimetres, y up -> metres, z up."""
    return points @ AXES.T * 0.1


def project(points: np.ndarray, size: int) -> np.ndarray:
    """(n, 2) pixels (x right, y down; the first pixel's middle is 0.5) of places (n, 3) in decimetres."""
    at = to_blender(np.atleast_2d(points))
    focal = LENS / SENSOR * size
    depth = at[:, 1] + DISTANCE
    return np.stack([size / 2 + focal * at[:, 0] / depth, size / 2 - focal * (at[:, 2] - CAMERA_HEIGHT) / depth], 1)


class Nodes:
    """Builds one material's or world's nodes."""

    def __init__(self, tree):
        self.tree = tree
        tree.nodes.clear()

    def add(self, kind: str, inputs: dict | None = None, **settings):
        """A node; an input may be a number, a colour or another node's output."""
        node = self.tree.nodes.new(kind)
        for name, value in settings.items():
            setattr(node, name, value)
        for name, value in (inputs or {}).items():
            self.set(node.inputs[name], value)
        return node

    def set(self, socket, value) -> None:
        """Links an output to the socket, or sets its value."""
        if hasattr(value, "is_output"):
            self.tree.links.new(value, socket)
        elif isinstance(value, tuple) and len(value) == 3 and len(socket.default_value) == 4:
            socket.default_value = (*value, 1)
        else:
            socket.default_value = value

    def mix(self, share, a, b):
        """A + share (b - a), colours."""
        node = self.add("ShaderNodeMix", data_type="RGBA")
        for socket, value in ((node.inputs[0], share), (node.inputs[6], a), (node.inputs[7], b)):
            self.set(socket, value)
        return node.outputs[2]

    def attribute(self, name: str):
        """A number that the mesh carries at every vertex."""
        return self.add("ShaderNodeAttribute", attribute_name=name).outputs["Fac"]

    def finish(self, shader, face=0.0, eyes=0.0, mouth=0.0, hand=0.0) -> None:
        """Sets the surface and what the pictures of regions shall say about it."""
        self.add("ShaderNodeOutputMaterial", {"Surface": shader})
        joined = self.add("ShaderNodeCombineColor", {"Red": face, "Green": eyes, "Blue": mouth})
        self.add("ShaderNodeOutputAOV", {"Color": joined.outputs[0]}, aov_name="regions")
        self.add("ShaderNodeOutputAOV", {"Value": hand}, aov_name="hand")


class Stage:
    """A scene with a camera and a lamp, in which one person at a time is rendered.

    Args:
        size: pixels of the square picture. samples: rays a pixel. threads: of the renderer.
    """

    def __init__(self, size: int, samples: int, threads: int = 1):
        self.bpy = blender()
        self.bpy.ops.wm.read_factory_settings(use_empty=True)
        self.scene = scene = self.bpy.context.scene
        self.size = size
        render, cycles, view = scene.render, scene.cycles, scene.view_settings
        render.engine = "CYCLES"
        render.resolution_x = render.resolution_y = size
        render.resolution_percentage = 100
        render.threads_mode, render.threads = "FIXED", threads
        render.use_persistent_data = True
        render.dither_intensity = 0.0
        render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGB"
        scene.cycles_curves.shape, scene.cycles_curves.subdivisions = "RIBBONS", 2
        view.view_transform, view.look = "AgX", "AgX - Medium High Contrast"
        cycles.device, cycles.samples, cycles.seed = "CPU", samples, 0
        cycles.use_adaptive_sampling, cycles.adaptive_threshold = True, 0.04
        cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
        cycles.denoising_prefilter, cycles.denoising_quality = "FAST", "BALANCED"
        cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 4, 2, 2
        cycles.transmission_bounces, cycles.transparent_max_bounces = 3, 4
        cycles.sample_clamp_indirect = 4
        cycles.caustics_reflective = cycles.caustics_refractive = False
        camera = self.bpy.data.cameras.new("camera")
        camera.lens, camera.sensor_width = LENS, SENSOR
        placed = self.bpy.data.objects.new("camera", camera)
        placed.location, placed.rotation_euler = (0, -DISTANCE, CAMERA_HEIGHT), (math.pi / 2, 0, 0)
        scene.collection.objects.link(placed)
        scene.camera = placed
        self.lamp = self.bpy.data.objects.new("lamp", self.bpy.data.lights.new("lamp", "AREA"))
        scene.collection.objects.link(self.lamp)
        self.world = scene.world = self.bpy.data.worlds.new("world")
        self.world.cycles.sampling_method, self.world.cycles.sample_map_resolution = "MANUAL", 256
        self.world.use_nodes = True
        self._regions()

    def _regions(self) -> None:
        """The renderer's second picture: which part of the person each pixel shows."""
        layer = self.scene.view_layers[0]
        for name, kind in (("regions", "COLOR"), ("hand", "VALUE")):
            made = layer.aovs.add()
            made.name, made.type = name, kind
        self.scene.use_nodes = True
        nodes = Nodes(self.scene.node_tree)
        layers = nodes.add("CompositorNodeRLayers")
        nodes.add("CompositorNodeComposite", {"Image": layers.outputs["Image"]})
        self.folder = Path(tempfile.mkdtemp(prefix="actors_"))
        out = nodes.add("CompositorNodeOutputFile", base_path=str(self.folder))
        out.format.file_format, out.format.color_depth = "OPEN_EXR", "16"
        out.format.color_mode = "RGB"
        out.file_slots.clear()
        for name in ("regions", "hand"):
            out.file_slots.new(name)
            self.scene.node_tree.links.new(layers.outputs[name], out.inputs[name])

    def frame(self, scale: float, left: float, top: float) -> None:
        """Lets the picture show a window of a larger one, of `scale` pixels, from (left, top) of it.

        `project(points, scale) - (left, top)` are then the pixels of places.
        """
        camera = self.scene.camera.data
        camera.lens = LENS * scale / self.size
        camera.shift_x = (left + self.size / 2 - scale / 2) / self.size
        camera.shift_y = -(top + self.size / 2 - scale / 2) / self.size

    def light(self, light: Light) -> None:
        """Sets panorama, lamp, backdrop and exposure."""
        from mathutils import Vector

        nodes = Nodes(self.world.node_tree)
        place = nodes.add("ShaderNodeTexCoord").outputs["Generated"]
        turned = nodes.add("ShaderNodeMapping", {"Vector": place, "Rotation": (0, 0, math.radians(light.turn))})
        picture = self.bpy.data.images.load(str(light_picture(light.hdri)), check_existing=True)
        panorama = nodes.add("ShaderNodeTexEnvironment", {"Vector": turned.outputs[0]}, image=picture)
        shown = nodes.add("ShaderNodeBackground", {"Color": panorama.outputs[0], "Strength": light.strength}).outputs[0]
        if light.backdrop:
            # a plain wall, lighter in the middle, seen by the camera only
            screen = nodes.add("ShaderNodeTexCoord").outputs["Window"]
            ball = nodes.add(
                "ShaderNodeMapping", {"Vector": screen, "Location": (-0.9, -1.1, 0), "Scale": (1.9, 1.9, 0)}
            )
            fall = nodes.add("ShaderNodeTexGradient", {"Vector": ball.outputs[0]}, gradient_type="SPHERICAL")
            dark = tuple(0.55 * part for part in light.backdrop)
            wall = nodes.mix(fall.outputs["Fac"], dark, light.backdrop)
            wall = nodes.add("ShaderNodeBackground", {"Color": wall}).outputs[0]
            seen = nodes.add("ShaderNodeLightPath").outputs["Is Camera Ray"]
            mixed = nodes.add("ShaderNodeMixShader", {0: seen, 1: shown, 2: wall})
            shown = mixed.outputs[0]
        nodes.add("ShaderNodeOutputWorld", {"Surface": shown})
        lamp = self.lamp.data
        if light.key:
            lamp.energy, lamp.size, lamp.color = light.key["watts"], light.key["size"], light.key["colour"]
            self.lamp.location = light.key["place"]
            self.lamp.rotation_euler = Vector(light.key["place"]).to_track_quat("Z", "Y").to_euler()
        self.lamp.hide_render = light.key is None
        self.scene.view_settings.exposure = EXPOSURE + light.exposure

    def render(self, crop: tuple[float, float, float, float] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Renders what is visible.

        Args:
            crop: left, top, right, bottom in pixels: only this part is rendered.

        Returns:
            picture: (H, W, 3) uint8 BGR. regions: (H, W, 4) float32, 0..1, face, eyes, mouth, hand (actors.REGIONS).
        """
        render = self.scene.render
        render.use_border = render.use_crop_to_border = crop is not None
        if crop:
            left, top, right, bottom = (value / self.size for value in crop)
            render.border_min_x, render.border_max_x = left, right
            render.border_min_y, render.border_max_y = 1 - bottom, 1 - top
        path = self.folder / "picture.png"
        render.filepath = str(path)
        self.bpy.ops.render.render(write_still=True)
        picture = cv2.imread(str(path))
        regions = [self._read("regions", picture.shape), self._read("hand", picture.shape)[..., :1]]
        return picture, np.concatenate([regions[0][..., :3], regions[1]], -1).clip(0, 1)

    def _read(self, name: str, shape: tuple) -> np.ndarray:
        path = next(self.folder.glob(f"{name}*.exr"))
        image = self.bpy.data.images.load(str(path))
        values = np.empty(shape[0] * shape[1] * 4, np.float32)
        image.pixels.foreach_get(values)
        self.bpy.data.images.remove(image)
        os.unlink(path)
        return values.reshape(shape[0], shape[1], 4)[::-1]


class Person:
    """One person on a stage: the head of `actor`, with the inner face of `inner` when that is another.

    Args:
        stage: where. head: the mesh. actor: whose head, hair and clothes. inner: whose inner face.
        textures: a function from actor to the paths of colour and surface.
        hair: the actor's, when it is grown already.
    """

    def __init__(self, stage: Stage, head: Head, actor: Actor, inner: Actor, textures, hair=None):
        self.stage, self.head, self.actor, self.inner = stage, head, actor, inner
        self.bpy = stage.bpy
        outer = head.identity(actor)
        swapped = actor.name != inner.name
        self.neutral = head.swapped(outer, head.identity(inner)) if swapped else outer
        self.pivot = head.pivot(outer)
        masks = skin.vertex_masks(head)
        self.objects = []
        quads = skin.skin_quads(head)
        self.skin, self.skin_vertices = self._mesh("skin", quads, 1)
        for name, values in masks.items():
            made = self.skin.data.attributes.new(name, "FLOAT", "POINT")
            made.data.foreach_set("value", values[self.skin_vertices].astype(np.float32))
        self.skin.data.materials.append(self._skin_material(textures(actor), textures(inner) if swapped else None))
        self.parts = []
        centre = head.base[head.quads].mean(1)
        shirt = (head.groups == "helper-tights") & (centre[:, 1] > 4.4) & (centre[:, 1] < 5.86)
        self.parts.append(self._mesh("shirt", np.flatnonzero(shirt), 1))
        self.parts[0][0].data.materials.append(self._cloth(actor.cloth))
        thick = self.parts[0][0].modifiers.new("thick", "SOLIDIFY")
        thick.thickness, thick.offset = 0.006, 1
        self.parts.append(self._mesh("tongue", np.flatnonzero(head.groups == "helper-tongue"), 1))
        self.parts[1][0].data.materials.append(self._wet("tongue", (0.42, 0.11, 0.10), 0.35, face=1.0, mouth=1.0))
        self.teeth = []
        for upper in (True, False):
            made = teeth.row_of_teeth(head, self.neutral, upper, inner.seed)
            placed = self._object("teeth", made["vertices"], made["faces"], 1)
            gum = placed.data.attributes.new("gum", "FLOAT", "POINT")
            gum.data.foreach_set("value", made["gum"].astype(np.float32))
            placed.data.materials.append(self._teeth_material())
            self.teeth.append((placed, made["vertices"], upper))
        self._add_eyes()
        self.brows, self.lashes = strands.Brows(head, inner), strands.Lashes(head, inner)
        self.beard = strands.Beard(head, inner) if inner.beard else None
        self.hair = hair or strands.HeadHair(head, actor, outer)
        lash = np.unique(np.concatenate([head.group(name) for name in strands.LASHES]))
        self.lash_vertices = lash
        lids = np.unique(head.quads[quads])
        from scipy.spatial import cKDTree

        self.lash_lids = lids[cKDTree(head.base[lids]).query(head.base[lash], k=3)[1]]
        rest = motion.Moment(0, 0, 0, (0, 0), 0)
        posed = self.posed(rest)
        self.curves = [
            self._curves("brows", self.brows.points(posed, (0, 0, 0)), self.brows.radius, inner.brows, True),
            self._curves(
                "lashes", self.lashes.points(posed, (0, 0, 0)), self.lashes.radius, (0.012, 0.009, 0.008), True
            ),
            self._curves("hair", self.hair.rest, self.hair.radius, actor.hair.colour, False),
        ]
        if self.beard:
            grown = self.beard.points(posed, (0, 0, 0))
            self.curves.append(self._curves("beard", grown, self.beard.radius, inner.hair.colour, True))
        self._add_forearm()
        self.glasses = None
        if actor.glasses:
            vertices, faces = glasses.made(head, outer, actor.glasses)
            self.glasses = self._object("glasses", vertices, faces, 1), vertices
            self.glasses[0].data.materials.append(self._frame_material(actor.seed))

    # ------------------------------------------------------------------------------------------------- parts
    def _object(self, name: str, vertices: np.ndarray, faces: np.ndarray, smooth: int):
        mesh = self.bpy.data.meshes.new(name)
        mesh.from_pydata(to_blender(vertices).tolist(), [], faces.tolist())
        mesh.polygons.foreach_set("use_smooth", [True] * len(faces))
        made = self.bpy.data.objects.new(name, mesh)
        self.stage.scene.collection.objects.link(made)
        modifier = made.modifiers.new("smooth", "SUBSURF")
        modifier.levels = modifier.render_levels = smooth
        self.objects.append(made)
        return made

    def _mesh(self, name: str, quads: np.ndarray, smooth: int):
        """An object of the head's faces `quads`, and the numbers of its vertices."""
        vertices, inverse = np.unique(self.head.quads[quads], return_inverse=True)
        made = self._object(name, self.neutral[vertices], inverse.reshape(-1, 4), smooth)
        layer = made.data.uv_layers.new(name="uv")
        layer.data.foreach_set("uv", self.head.uv[self.head.quads_uv[quads].ravel()].astype(np.float32).ravel())
        return made, vertices

    def _curves(self, name: str, points: np.ndarray, radius: np.ndarray, colour, in_face: bool):
        count, length = points.shape[:2]
        data = self.bpy.data.hair_curves.new(name)
        data.add_curves([length] * count)
        data.attributes["position"].data.foreach_set("vector", to_blender(points).astype(np.float32).ravel())
        if "radius" not in data.attributes:
            data.attributes.new("radius", "FLOAT", "POINT")
        data.attributes["radius"].data.foreach_set("value", (radius * 0.1).astype(np.float32).ravel())
        grey = self.hair.grey if name == "hair" else np.zeros(count)
        shade = self.hair.shade if name == "hair" else np.ones(count)
        for kind, values in (("grey", grey), ("shade", shade)):
            data.attributes.new(kind, "FLOAT", "CURVE")
            data.attributes[kind].data.foreach_set("value", np.asarray(values, np.float32))
        data.materials.append(self._hair_material(colour, in_face))
        made = self.bpy.data.objects.new(name, data)
        self.stage.scene.collection.objects.link(made)
        self.objects.append(made)
        return made

    def _material(self, name: str):
        made = self.bpy.data.materials.new(name)
        made.use_nodes = True
        return made, Nodes(made.node_tree)

    def _skin_material(self, paths, inner_paths):
        made, nodes = self._material("skin")
        face = nodes.attribute("face")

        def picture(which: int, raw: bool):
            outputs = []
            for pair in (paths, inner_paths) if inner_paths else (paths,):
                image = self.bpy.data.images.load(str(pair[which]), check_existing=True)
                image.colorspace_settings.name = "Non-Color" if raw else "sRGB"
                outputs.append(nodes.add("ShaderNodeTexImage", image=image).outputs["Color"])
            return outputs[0] if len(outputs) == 1 else nodes.mix(face, *outputs)

        surface = nodes.add("ShaderNodeSeparateColor", {"Color": picture(1, True)})
        bump = nodes.add("ShaderNodeBump", {"Height": surface.outputs["Red"], "Strength": 0.8, "Distance": 0.0011})
        shader = nodes.add(
            "ShaderNodeBsdfPrincipled",
            {
                "Base Color": picture(0, False),
                "Roughness": surface.outputs["Green"],
                "Normal": bump.outputs[0],
                "Subsurface Weight": 0.4,
                "Subsurface Radius": (1.0, 0.35, 0.2),
                "Subsurface Scale": 0.0032,
                "IOR": 1.4,
            },
        )
        lips = nodes.add(
            "ShaderNodeMath", {0: nodes.attribute("lips"), 1: nodes.attribute("inside")}, operation="MAXIMUM"
        )
        edge = nodes.add("ShaderNodeMapRange", {"Value": lips.outputs[0], "From Min": 0.35, "From Max": 0.6})
        nodes.finish(shader.outputs[0], face=face, mouth=edge.outputs[0])
        return made

    def _wet(self, name: str, colour, roughness: float, **regions):
        made, nodes = self._material(name)
        inputs = {"Base Color": colour, "Roughness": roughness, "Subsurface Weight": 0.3, "Subsurface Scale": 0.002}
        nodes.finish(nodes.add("ShaderNodeBsdfPrincipled", inputs).outputs[0], **regions)
        return made

    def _teeth_material(self):
        made, nodes = self._material("teeth")
        colour = nodes.mix(nodes.attribute("gum"), (0.80, 0.76, 0.68), (0.48, 0.16, 0.14))
        inputs = {"Base Color": colour, "Roughness": 0.18, "Subsurface Weight": 0.25, "Subsurface Scale": 0.0015}
        nodes.finish(nodes.add("ShaderNodeBsdfPrincipled", inputs).outputs[0], face=1.0, mouth=1.0)
        return made

    def _frame_material(self, seed: int):
        """Dark or brown plastic, or metal."""
        made, nodes = self._material("frame")
        colour, metal = [((0.008, 0.008, 0.009), 0.0), ((0.09, 0.035, 0.012), 0.0), ((0.55, 0.5, 0.42), 1.0)][seed % 3]
        inputs = {"Base Color": colour, "Roughness": 0.25, "Metallic": metal}
        nodes.finish(nodes.add("ShaderNodeBsdfPrincipled", inputs).outputs[0])
        return made

    def _cloth(self, colour):
        made, nodes = self._material("cloth")
        place = nodes.add("ShaderNodeTexCoord").outputs["UV"]
        weave = nodes.add("ShaderNodeTexWave", {"Vector": place, "Scale": 260.0, "Distortion": 2.0, "Detail": 1.0})
        bump = nodes.add("ShaderNodeBump", {"Height": weave.outputs["Fac"], "Strength": 0.35, "Distance": 0.001})
        inputs = {"Base Color": colour, "Roughness": 0.85, "Normal": bump.outputs[0], "Sheen Weight": 0.3}
        nodes.finish(nodes.add("ShaderNodeBsdfPrincipled", inputs).outputs[0])
        return made

    def _hair_material(self, colour, in_face: bool):
        """Diffuse with two hair lobes: several times cheaper on a CPU than the full hair shader."""
        made, nodes = self._material("hair")
        chance = nodes.add("ShaderNodeHairInfo").outputs["Random"]
        shade = nodes.mix(chance, tuple(0.6 * part for part in colour), tuple(min(1, 1.5 * part) for part in colour))
        shade = nodes.mix(nodes.attribute("grey"), shade, (0.42, 0.41, 0.39))
        lock = nodes.add("ShaderNodeVectorMath", {0: shade}, operation="SCALE")
        nodes.set(lock.inputs["Scale"], nodes.attribute("shade"))
        shade = lock.outputs[0]
        shine = nodes.mix(0.3, shade, (1.0, 1.0, 1.0))
        gloss = nodes.add(
            "ShaderNodeBsdfHair",
            {"Color": shine, "RoughnessU": 0.26, "RoughnessV": 0.55, "Offset": math.radians(-4)},
            component="Reflection",
        )
        through = nodes.add(
            "ShaderNodeBsdfHair", {"Color": shade, "RoughnessU": 0.5, "RoughnessV": 0.8}, component="Transmission"
        )
        body = nodes.add("ShaderNodeBsdfDiffuse", {"Color": shade})
        soft = nodes.add("ShaderNodeMixShader", {0: 0.25, 1: body.outputs[0], 2: through.outputs[0]})
        whole = nodes.add("ShaderNodeMixShader", {0: 0.2, 1: soft.outputs[0], 2: gloss.outputs[0]})
        nodes.finish(whole.outputs[0], face=1.0 if in_face else 0.0)
        return made

    def _add_eyes(self) -> None:
        """Two eyeballs with the iris of the inner face, each where MakeHuman's eye helper is."""
        self.eyes = []
        picture = self._iris_picture()
        for side in "lr":
            ring = self.neutral[self.head.group(f"helper-{side}-eye")]
            solved = np.linalg.lstsq(np.c_[2 * ring, np.ones(len(ring))], (ring**2).sum(1), rcond=None)[0]
            centre = solved[:3]
            radius = math.sqrt(solved[3] + (centre**2).sum())
            self.bpy.ops.mesh.primitive_uv_sphere_add(segments=48, ring_count=24, radius=1.0)
            ball = self.bpy.context.object
            self.bpy.ops.object.shade_smooth()
            made, nodes = self._material("eye")
            place = nodes.add("ShaderNodeTexCoord").outputs["Object"]
            parts = nodes.add("ShaderNodeSeparateXYZ", {"Vector": place})
            flat = nodes.add("ShaderNodeCombineXYZ", {"X": parts.outputs["X"], "Y": parts.outputs["Z"]})
            half = nodes.add(
                "ShaderNodeMapping", {"Vector": flat.outputs[0], "Location": (0.5, 0.5, 0), "Scale": (0.5, 0.5, 1)}
            )
            colour = nodes.add("ShaderNodeTexImage", {"Vector": half.outputs[0]}, image=picture, extension="EXTEND")
            inputs = {"Base Color": colour.outputs[0], "Roughness": 0.4, "Coat Weight": 1.0, "Coat Roughness": 0.03}
            shader = nodes.add("ShaderNodeBsdfPrincipled", inputs | {"Coat IOR": 1.38})
            nodes.finish(shader.outputs[0], face=1.0, eyes=1.0)
            ball.data.materials.append(made)
            self.objects.append(ball)
            self.eyes.append((ball, centre, radius))

    def _iris_picture(self):
        """The eye seen from the front: pupil, fibres, dark limbal ring, white with a few veins; 512 x 512."""
        size = 512
        y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
        radius, angle = np.hypot(x, y), np.arctan2(y, x)
        noise = skin.Noise(self.inner.seed + 5)
        round_place = np.stack([np.cos(angle), np.sin(angle), radius], -1).reshape(-1, 3)
        fibres = noise(round_place * [1, 1, 0.35], 0.09, 3).reshape(size, size)
        base = np.array(self.inner.iris)
        light = np.clip(base * 2.6 + 0.025, 0, 1)
        iris = base + (light - base) * np.clip(0.5 + 0.35 * fibres, 0, 1)[..., None]
        ring = np.exp(-(((radius - 0.27) / 0.05) ** 2))[..., None]
        iris = iris * (1 - 0.25 * ring) + 0.25 * ring * np.array([0.16, 0.09, 0.03])
        iris = iris * (1 - 0.8 * skin.ramp(radius, 0.40, IRIS)[..., None])
        iris = iris * skin.ramp(radius, 0.165, 0.20)[..., None] + 0.002
        veins = noise(np.stack([x, y, 0 * x], -1).reshape(-1, 3), 0.22, 4).reshape(size, size)
        veins = np.exp(-((veins / 0.10) ** 2)) * skin.ramp(radius, 0.5, 0.95) * 0.4
        white = np.array([0.64, 0.60, 0.56]) * (1 - 0.25 * skin.ramp(radius, 0.62, 1.0)[..., None] * [0.4, 0.9, 1.0])
        white = white * (1 - veins[..., None] * [0.15, 0.65, 0.65])
        colour = white + skin.ramp(radius, IRIS + 0.02, IRIS - 0.025)[..., None] * (iris - white)
        image = self.bpy.data.images.new(f"iris_{self.inner.name}", size, size, float_buffer=True)
        image.colorspace_settings.name = "Linear Rec.709"
        image.pixels.foreach_set(np.dstack([colour, np.ones((size, size))]).astype(np.float32).ravel())
        image.pack()
        return image

    def _add_forearm(self) -> None:
        """The right forearm with its hand, to pass before the face."""
        head = self.head
        arm = head.right_arm > 0.5
        quads = np.flatnonzero((head.groups == "body") & arm[head.quads].all(1))
        vertices = np.unique(head.quads[quads])
        points = head.identity(self.actor)[vertices]
        middle = points.mean(0)
        axes = np.linalg.svd(points - middle, full_matrices=False)[2]
        hand = head.right_hand[vertices] > 0.5
        across = np.linalg.svd(points[hand] - points[hand].mean(0), full_matrices=False)[2][1]  # over the palm's width
        along = axes[0] * np.sign((points[hand].mean(0) - middle) @ axes[0])  # towards the fingertips
        across = across - (across @ along) * along
        across /= np.linalg.norm(across)
        local = (points - middle) @ np.stack([along, across, np.cross(along, across)]).T
        local[:, 0] -= local[:, 0].max()
        local[:, 1:] -= local[hand, 1:].mean(0)
        faces = np.searchsorted(vertices, head.quads[quads])
        self.arm_local = np.c_[local[:, 1], local[:, 0], local[:, 2]]  # x across, y along to the fingertips, z through
        self.arm = self._object("arm", self.arm_local, faces, 1)
        made, nodes = self._material("arm")
        place = nodes.add("ShaderNodeTexCoord").outputs["Object"]
        blots = nodes.add("ShaderNodeTexNoise", {"Vector": place, "Scale": 60.0, "Detail": 4.0}).outputs["Fac"]
        red = tuple(part * factor for part, factor in zip(self.actor.skin, (0.97, 0.72, 0.72), strict=True))
        colour = nodes.mix(blots, self.actor.skin, red)
        bump = nodes.add("ShaderNodeBump", {"Height": blots, "Strength": 0.2, "Distance": 0.002})
        inputs = {"Base Color": colour, "Roughness": 0.5, "Normal": bump.outputs[0], "Subsurface Weight": 0.3}
        shader = nodes.add("ShaderNodeBsdfPrincipled", inputs | {"Subsurface Scale": 0.003})
        nodes.finish(shader.outputs[0], hand=1.0)
        self.arm.data.materials.append(made)
        self.arm.hide_render = True

    # ------------------------------------------------------------------------------------------------- movement
    def posed(self, moment: motion.Moment) -> np.ndarray:
        """The whole mesh's vertices (19158, 3) at a moment, in decimetres."""
        shown = self.head.express(self.neutral, moment.units)
        moved = shown[self.lash_lids].mean(1) - self.neutral[self.lash_lids].mean(1)
        shown[self.lash_vertices] = self.neutral[self.lash_vertices] + moved
        self.expressed = shown
        return self.head.turn(shown, self.head.follow, self.pivot, (moment.yaw, moment.pitch, moment.roll))

    def move(self, moment: motion.Moment) -> None:
        """Brings every object to a moment. Afterwards `vertices` and `irises` hold what labels need."""
        from mathutils import Matrix

        pose = (moment.yaw, moment.pitch, moment.roll)
        self.vertices = posed = self.posed(moment)
        for made, numbers in [(self.skin, self.skin_vertices), *self.parts]:
            self._set(made, posed[numbers])
        turn = rotation(*pose)
        for made, rest, upper in self.teeth:
            if upper:
                placed = rest
            else:
                jaw = self.head.group("helper-lower-teeth")
                matrix, shift = best_rigid(self.neutral[jaw], self.expressed[jaw])
                placed = rest @ matrix.T + shift
            self._set(made, (placed - self.pivot) @ turn.T + self.pivot)
        gaze = rotation(*moment.gaze, 0)
        self.irises = []
        for ball, centre, radius in self.eyes:
            middle = (centre - self.pivot) @ turn.T + self.pivot
            matrix = np.eye(4)
            matrix[:3, :3] = AXES @ turn @ gaze @ AXES.T * (radius * 0.985 * 0.1)
            matrix[:3, 3] = to_blender(middle)
            ball.matrix_world = Matrix(matrix.tolist())
            flat = math.sqrt(1 - IRIS**2)  # the iris' rim on the ball, right, top, left, bottom of it
            rim = np.array([[0, 0, 1], [IRIS, 0, flat], [0, IRIS, flat], [-IRIS, 0, flat], [0, -IRIS, flat]])
            self.irises.append(middle + radius * 0.985 * rim @ (turn @ gaze).T)
        grown = [self.brows.points(posed, pose), self.lashes.points(posed, pose)]
        grown.append(self.hair.points(self.head, self.pivot, pose))
        if self.beard:
            grown.append(self.beard.points(posed, pose))
        if self.glasses:
            self._set(self.glasses[0], (self.glasses[1] - self.pivot) @ turn.T + self.pivot)
        for made, points in zip(self.curves, grown, strict=True):
            made.data.attributes["position"].data.foreach_set("vector", to_blender(points).astype(np.float32).ravel())
            made.data.update_tag()
        self.arm.hide_render = moment.hand is None
        if moment.hand is not None:
            self._set(self.arm, self._arm_at(moment.hand))

    def _arm_at(self, t: float) -> np.ndarray:
        """The forearm's vertices while it passes from the picture's left to its right before the face."""
        lean = np.radians(18 - 40 * t)
        turn = np.array([[np.cos(lean), np.sin(lean), 0], [-np.sin(lean), np.cos(lean), 0], [0, 0, 1]])
        tips = np.array([-2.6 + 5.2 * t, 0.25 - 0.5 * abs(2 * t - 1), 1.0])
        return self.arm_local @ turn.T + tips

    @staticmethod
    def _set(made, points: np.ndarray) -> None:
        made.data.vertices.foreach_set("co", to_blender(points).astype(np.float32).ravel())
        made.data.update()

    def show(self, visible: bool) -> None:
        """Makes the person visible to the renderer, or not."""
        for made in self.objects:
            made.hide_render = not visible
        if visible:
            self.arm.hide_render = True

    def rendered_skin(self) -> np.ndarray:
        """(19158, 3) places of the skin's vertices on the smoothed surface that is rendered, NaN elsewhere."""
        graph = self.bpy.context.evaluated_depsgraph_get()
        mesh = self.skin.evaluated_get(graph).data
        places = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", places)
        surface = np.full((len(self.head.base), 3), np.nan)
        count = len(self.skin_vertices)
        surface[self.skin_vertices] = places.reshape(-1, 3)[:count].astype(float) @ AXES * 10
        return surface

    def face_box(self, size: int) -> np.ndarray:
        """(left, top, right, bottom) pixels around everything that belongs to the inner face."""
        numbers = self.skin_vertices[self.head.inner_face()[self.skin_vertices] > 0.004]
        at = project(self.vertices[numbers], size)
        return np.r_[at.min(0), at.max(0)]
