"""Models: layers, losses, networks and their training steps. They see arrays only."""

from faceswap_lab.base.lazy import offered

__getattr__, __dir__ = offered(
    __name__,
    {
        "augmentation": "FaceBank random_views",
        "autoencoder": "QUICK_AUGMENTATION FaceAutoencoder",
        "face_statistics": "resize",
        "discriminators": "draw_beta",
        "layers": "PixelShuffle",
        "lighting": "light_fields",
        "losses": "gaussian_blur grey",
        "mobilenet_recognition": "face_res",
        "flops": "network_cost",
        "octave": "OctaveConv2D theoretical_cost",
        "translation": "ConstantThenLinear",
        "translation_networks": "build_discriminator build_generator patch_size",
    },
)
