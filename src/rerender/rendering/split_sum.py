"""Split-sum shading of G-buffers (Karis 2013), the forward model of nvdiffrec (Munkberg et al. 2022): direct light only.

No shadows and no interreflection. F0 = 0.04 (1 - m) + kd m; colour = kd (1 - m) E(n) + L(reflection, r) (F0 A + B), all
of it times (1 - occlusion). Everything is differentiable: materials, normals, the surface and a learned light.
"""

from __future__ import annotations

from typing import Any

import torch

from rerender.rendering.environment_brdf import table_tensor
from rerender.rendering.filtered_light import ROUGHNESSES, LightLevels
from rerender.rendering.gbuffers import GBuffer
from rerender.rendering.split_sum_kernels import split_sum_kernels
from rerender.runtime.kernels import Precision, device_name, launch, precision, shared


def shade(
    gbuffer: GBuffer,
    albedo: torch.Tensor,
    roughness: torch.Tensor,
    metallic: torch.Tensor,
    normals: torch.Tensor,
    light: LightLevels,
    occlusion: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return linear radiance (N, 3) of the pixels of a G-buffer.

    `albedo` (N, 3) linear, `roughness` (perceptual: alpha is its square), `metallic` and `occlusion` (N, 1), `normals`
    (N, 3) unit vectors in the world, as `world_normals` makes them.
    """
    arguments = (normals, albedo, roughness, metallic, light.specular, light.diffuse)
    colour: torch.Tensor = _Shade.apply(gbuffer.toward, *arguments)  # type: ignore[no-untyped-call]
    return colour if occlusion is None else colour * (1.0 - occlusion)


def world_normals(gbuffer: GBuffer, tangent_normals: torch.Tensor) -> torch.Tensor:
    """Turn tangent-space normals (N, 3), not necessarily unit, into shading normals in the world, (N, 3).

    T x - B y + N max(z, 0) with B = T x N; on back faces all of it is turned to the viewer; at grazing angles it bends to the
    geometric normal.
    """
    frame = (gbuffer.geometric, gbuffer.normals, gbuffer.tangents, gbuffer.toward)
    found: torch.Tensor = _Normals.apply(tangent_normals, *frame)  # type: ignore[no-untyped-call]
    return found


class _Normals(torch.autograd.Function):
    """`world_normals`; the surface is held."""

    @staticmethod
    def forward(ctx: Any, found: torch.Tensor, *frame: torch.Tensor) -> torch.Tensor:
        ctx.tensors = [tensor.detach().contiguous() for tensor in (*frame, found)]
        result = torch.empty_like(ctx.tensors[0])
        kind = precision(result.dtype).vec3
        inputs = [shared(tensor, kind) for tensor in (*ctx.tensors, result)]
        launch(split_sum_kernels(result.dtype).normals, len(result), inputs, device=device_name(result))
        return result

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        kind, grad = precision(grad.dtype).vec3, grad.contiguous()
        result = torch.empty_like(grad)
        inputs = [shared(tensor, kind) for tensor in (*ctx.tensors, grad, result)]
        launch(split_sum_kernels(grad.dtype).to_found, len(grad), inputs, device=device_name(grad))
        return result, None, None, None, None


class _Shade(torch.autograd.Function):
    """`shade` without occlusion; the direction to the viewer is held."""

    @staticmethod
    def forward(ctx: Any, *tensors: torch.Tensor) -> torch.Tensor:
        toward, normals, albedo, roughness, metallic, specular, diffuse = (
            tensor.detach().contiguous() for tensor in tensors
        )
        kernels, types, count = split_sum_kernels(albedo.dtype), precision(albedo.dtype), len(albedo)
        sloped = any(ctx.needs_input_grad)
        result = torch.empty_like(albedo)
        slopes = [albedo.new_empty(count if sloped else 0, 3) for _ in range(4)]
        by_normal = albedo.new_empty(count if sloped else 0, 3, 3)
        inputs = [
            *(shared(tensor, types.vec3) for tensor in (toward, normals, albedo)),
            *(shared(tensor.flatten()) for tensor in (roughness, metallic)),
            *(shared(tensor, types.vec3) for tensor in (specular, diffuse)),
            shared(table_tensor(albedo.dtype, albedo.device), kernels.vec2),
            bounds(types),
            int(sloped),
            *(shared(tensor, types.vec3) for tensor in (result, *slopes)),
            shared(by_normal, types.mat33),
        ]
        launch(kernels.shade, count, inputs, device=device_name(albedo))
        ctx.lit = (toward, normals, albedo, roughness, metallic)
        ctx.light_shapes, ctx.slopes, ctx.by_normal = (specular.shape, diffuse.shape), slopes, by_normal
        return result

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        by_lobe, *slopes = ctx.slopes
        grad, types = grad.contiguous(), precision(grad.dtype)
        columns = [torch.empty_like(one) for one in ctx.lit[1:]]
        inputs = [
            *(shared(tensor, types.vec3) for tensor in (grad, *slopes)),
            shared(ctx.by_normal, types.mat33),
            *(shared(tensor, types.vec3) for tensor in columns[:2]),
            *(shared(tensor.flatten()) for tensor in columns[2:]),
        ]
        launch(split_sum_kernels(grad.dtype).pull, len(grad), inputs, device=device_name(grad))
        lit = _to_light(ctx, grad, by_lobe) if any(ctx.needs_input_grad[5:]) else (None, None)
        return None, *columns, *lit


def _to_light(ctx: Any, grad: torch.Tensor, by_lobe: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradients of a light's specular and diffuse maps."""
    toward, normals, albedo, roughness, metallic = ctx.lit
    types = precision(grad.dtype)
    found = [grad.new_zeros(shape) for shape in ctx.light_shapes]
    lobe, around = grad * by_lobe, grad * albedo * (1.0 - metallic)
    inputs = [
        *(shared(tensor, types.vec3) for tensor in (toward, normals)),
        shared(roughness.flatten()),
        *(shared(tensor, types.vec3) for tensor in (lobe, around)),
        bounds(types),
        *(shared(tensor, types.vec3) for tensor in found),
    ]
    launch(split_sum_kernels(grad.dtype).to_light, len(grad), inputs, device=device_name(grad))
    return found[0], found[1]


def bounds(types: Precision) -> Any:
    """Return what the kernels need to know of the light's levels: the roughness of the first and of the last but one, and the steps between."""
    return types.vec3(ROUGHNESSES[0], ROUGHNESSES[-2], len(ROUGHNESSES) - 2)


def tangent_normals(gbuffer: GBuffer, normals: torch.Tensor) -> torch.Tensor:
    """Express normals of the world (N, 3) in the frame of `world_normals`, of front faces and without its bend."""
    bitangent = torch.nn.functional.normalize(torch.linalg.cross(gbuffer.tangents, gbuffer.normals), dim=-1)
    axes = (gbuffer.tangents, -bitangent, gbuffer.normals)
    return torch.stack([(axis * normals).sum(dim=-1) for axis in axes], dim=-1)
