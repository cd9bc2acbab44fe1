// The part of three.js that the game uses, under the names that it has there.
#pragma once

#include <stdint.h>

#include "dom.hpp"

namespace client {

struct Vector3 {
    void set(double x, double y, double z);
};

struct Color {
    explicit Color(uint32_t hex);
    void multiplyScalar(double factor);
};

/// Whatever has a place in the scene.
struct Object3D {
    void set_name(const char *name);
    Vector3 &get_position();
    Vector3 &get_scale();
    void add(const Object3D &child);
    void lookAt(double x, double y, double z);
    void set_castShadow(bool cast);
    void set_receiveShadow(bool receive);
};

struct Scene : Object3D {
    Scene();
    void set_background(const Color &colour);
};

struct PerspectiveCamera : Object3D {
    PerspectiveCamera(double angle, double aspect, double near, double far);
    void set_aspect(double aspect);
    void updateProjectionMatrix();
};

struct BufferGeometry {};

struct BoxGeometry : BufferGeometry {
    BoxGeometry(double width, double height, double depth);
};

struct SphereGeometry : BufferGeometry {
    SphereGeometry(double radius, uint32_t width_segments, uint32_t height_segments);
};

struct MeshStandardMaterial {
    MeshStandardMaterial();
    void set_color(const Color &colour);
    void set_emissive(const Color &colour);
    void set_roughness(double roughness);
    void set_transparent(bool transparent);
    void set_opacity(double opacity);
};

struct Mesh : Object3D {
    Mesh(const BufferGeometry &geometry, const MeshStandardMaterial &material);
};

struct AmbientLight : Object3D {
    AmbientLight(const Color &colour, double intensity);
};

struct OrthographicCamera : Object3D {
    void set_left(double left);
    void set_right(double right);
};

struct LightShadow {
    OrthographicCamera &get_camera();
};

struct DirectionalLight : Object3D {
    DirectionalLight(const Color &colour, double intensity);
    LightShadow &get_shadow();
};

struct PointLight : Object3D {
    PointLight(const Color &colour, double intensity, double distance);
};

/// A plain object with what a renderer is to be like.
struct WebGLRendererParameters {
    WebGLRendererParameters();
    void set_antialias(bool antialias);
};

struct WebGLShadowMap {
    void set_enabled(bool enabled);
};

struct WebGLRenderer {
    explicit WebGLRenderer(const WebGLRendererParameters &parameters);
    HTMLElement &get_domElement();
    WebGLShadowMap &get_shadowMap();
    void setPixelRatio(double ratio);
    void setSize(double width, double height);
    void render(const Scene &scene, const PerspectiveCamera &camera);
};

}  // namespace client
